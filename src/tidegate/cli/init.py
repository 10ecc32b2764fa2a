"""`tidegate init`: the first files of a project; nothing that exists is ever touched."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.screen import note, say, write
from tidegate.config.files import FILE_NAME, read_env_file
from tidegate.config.templates import template_env, template_toml

IGNORED = (".env", ".env.local", ".env.production")
SECRETS = ("TIDEGATE_ADMIN_TOKEN", "TIDEGATE_KEY_SECRET")

_HEAD = "# The secrets of this machine.  Never commit this file; tidegate does not read it in production."


def init(
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Where to write; made when missing.")] = Path(),
) -> None:
    """Write tidegate.toml and .env into a folder; nothing that exists is touched."""
    directory.mkdir(parents=True, exist_ok=True)
    _create(directory / FILE_NAME, template_toml(), "the configuration, explained by comments")
    _create(directory / ".env.example", template_env(), "the names of the secrets; belongs in git")
    _ignore(directory / ".gitignore")
    env = directory / ".env"
    if _create(env, _with_secrets(template_env()), "new secrets of your own; must stay out of git", mode=0o600):
        has_key = False
    else:
        has_key = _complain(env)
    _next_steps(directory, has_key=has_key)


def _create(path: Path, text: str, what: str, mode: int = 0o644) -> bool:
    """Write a new file; False when there is one of that name.  Its permissions are right from the first byte on."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        write(f"  left as it is  {path}")
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    write(f"  wrote          {path}: {what}")
    return True


def _with_secrets(template: str) -> str:
    """The example with a value for each secret that can be made here, and a head of its own."""
    lines = []
    for line in template.splitlines():
        name = line.removesuffix("=")
        lines.append(f"{line}{secrets.token_hex(32)}" if name in SECRETS else line)
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join([_HEAD, *lines[first:]]) + "\n"


def _ignore(path: Path) -> None:
    """Add what git must not see; lines that are there stay."""
    old = path.read_text("utf-8") if path.exists() else ""
    present = {line.strip().removeprefix("/") for line in old.splitlines()}
    missing = [name for name in IGNORED if name not in present]
    if not missing:
        write(f"  left as it is  {path}")
        return
    gap = "" if not old or old.endswith("\n") else "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(gap + "".join(f"{name}\n" for name in missing))
    write(f"  {'added to' if old else 'wrote   '}       {path}: {', '.join(missing)}")


def _complain(env: Path) -> bool:
    """Say which secrets an older .env lacks; returns whether it has the key of the Claude API."""
    values = read_env_file(env, str(env)).values
    missing = [name for name in SECRETS if not values.get(name)]
    if missing:
        note(f"{env} was there and has no {' and no '.join(missing)}.  Add (each with a value of its own):")
        for name in missing:
            say(f'        echo "{name}=$(openssl rand -hex 32)" >> {env}')
    return bool(values.get("ANTHROPIC_API_KEY"))


def _next_steps(directory: Path, *, has_key: bool) -> None:
    go = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    write()
    write("Next:")
    if has_key:
        write("  1. Look at tidegate.toml: there is a limit of requests per user, and no budget yet.")
    else:
        write("  1. Put the key of the Claude API into .env (ANTHROPIC_API_KEY), or go on without one: see 3.")
    write(f"  2. {go}tidegate keys create --app my-app")
    write(f"  3. {go}tidegate serve{'' if has_key else '        (without a key: tidegate serve --fake)'}")
