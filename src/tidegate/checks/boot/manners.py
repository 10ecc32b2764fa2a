"""What else the variables of the target say: development is still switched on, or something is missing."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tidegate.checks.boot.places import read_env_files
from tidegate.checks.verdict import State, Verdict, failed, passed, skipped, warned
from tidegate.config.files import is_file, read_env_file
from tidegate.model.errors import ConfigError

_ON: Final = r"1|true|yes|on"
_STAGES: Final = r"dev|develop|development|local|test|testing"
_SWITCHES: Final = (
    (r"ANTHROPIC_LOG", r"debug", State.FAIL, "the SDK logs whole requests, with what users wrote"),
    (r"FLASK_DEBUG", _ON, State.FAIL, "errors show the source to users and let them run code"),
    (
        r"(?:DJANGO_)?DEBUG",
        rf"{_ON}|\*|.*\b(?:anthropic|http)\b.*",
        State.WARN,
        "errors show more than users should see",
    ),
    (r"NODE_ENV|FLASK_ENV|APP_ENV|ENVIRONMENT|ENV|STAGE|TIDEGATE_ENV", _STAGES, State.WARN, "this is not production"),
    (r"PYTHONASYNCIODEBUG|PYTHONDEVMODE", _ON, State.WARN, "the program is slow and talkative"),
    (r"NODE_TLS_REJECT_UNAUTHORIZED", r"0", State.FAIL, "whoever stands between reads the key and all content"),
)
"""Variable, value, how bad, and what follows."""

_EXAMPLES: Final = (".env.example", ".env.sample", ".env.template", ".env.dist")
_SHOWN: Final = 8


def switched(environ: Mapping[str, str]) -> tuple[Verdict, ...]:
    """What is switched on that belongs to development."""
    return tuple(_switched(environ)) or (passed("nothing of development is switched on", "live"),)


def _switched(environ: Mapping[str, str]) -> Iterator[Verdict]:
    for name, value in sorted(environ.items()):
        for pattern, values, state, text in _SWITCHES:
            if re.fullmatch(pattern, name) and re.fullmatch(values, value.strip(), re.IGNORECASE):
                said = f"{name} is set for development: {text}."
                make = failed if state is State.FAIL else warned
                yield make(None, said, fix=f"Take {name} out of the target's variables.")


def named(environ: Mapping[str, str], root: Path) -> tuple[Verdict, ...]:
    """Whether every variable that an example names is set; only names are looked at."""
    file = next((one for one in _EXAMPLES if is_file(root / one)), None)
    if file is None:
        return (skipped("there is no .env.example here"),)
    try:
        names = list(read_env_file(root / file, file).values)
    except ConfigError as error:
        return (warned(None, f"{error}.", fix=f"Write {file} as lines of the form NAME=value."),)
    there = {*environ, *(name for _, values in read_env_files(root) for name in values)}
    missing = [name for name in names if name not in there and f"{name}_FILE" not in there]
    if not missing:
        return (passed(f"every variable of {file} is set ({len(names)})", "live"),)
    said = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    fix = f"Set them in the target, or take what is not needed out of {file}."
    return (warned(None, f"{file} names what is not set here: {said}.", fix=fix),)
