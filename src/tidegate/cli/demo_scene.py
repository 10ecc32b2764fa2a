"""The scene of `tidegate demo`: a fake Claude with troubles, a gateway with limits and budgets, keys for three apps."""

import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from tidegate.cli.banner import READY
from tidegate.cli.children import FAKE_KEY, end, fake_claude, until_line
from tidegate.cli.keys_create import Wish, add_key
from tidegate.config.environment import read_environment
from tidegate.config.load import load
from tidegate.config.settings import Settings

CONFIG = """\
[[limits]]
per = "user"
requests = "20/minute"

[[budgets]]
per = "organization"
amount = "25 USD"
every = "month"

[[budgets]]
per = "app"
where = { app = "reports" }
amount = "0.15 USD"
every = "day"

[routes.summarise]
max_tokens = 512

[retry]
base = "100ms"
cap = "400ms"
"""

SCRIPT = """\
[defaults]
first_byte = 0.03
gap = 0.01

[[rules]]
when = { every = 12 }
do = { status = 529 }

[[rules]]
when = { stream = true, every = 17 }
do = { cut = 4 }

[[rules]]
when = { every = 31 }
do = { status = 500 }
"""


class Scene(Struct, frozen=True, kw_only=True):
    """A running gateway and what one needs to call it and to look at it."""

    settings: Settings
    address: str
    fake: str
    admin_token: str
    keys: Mapping[str, str]
    """App keys by app."""
    gateway: subprocess.Popen[str]


@contextmanager
def running(folder: Path) -> Iterator[Scene]:
    """The scene, from its first file to the end of its last process."""
    with ExitStack() as stack:
        script, config = folder / "fake.toml", folder / "tidegate.toml"
        script.write_text(SCRIPT, "utf-8")
        config.write_text(CONFIG, "utf-8")
        fake = stack.enter_context(fake_claude("--script", str(script)))
        token = secrets.token_hex(32)
        environ = _environment(fake, token)
        settings = load(config, environ=environ, directory=folder)
        keys = {app: add_key(settings, Wish(app=app))[1] for app in ("chat", "mobile", "reports")}
        gateway, address = stack.enter_context(_gateway(config, environ))
        yield Scene(settings=settings, address=address, fake=fake, admin_token=token, keys=keys, gateway=gateway)


def _environment(fake: str, token: str) -> dict[str, str]:
    """Ours without any setting of tidegate's: the demonstration must not depend on where it is run."""
    ours = ("TIDEGATE_", "ANTHROPIC_")
    plain = {name: value for name, value in read_environment().items() if not name.startswith(ours) and name != "PORT"}
    return plain | {
        "ANTHROPIC_API_KEY": FAKE_KEY,
        "TIDEGATE_ADMIN_TOKEN": token,
        "TIDEGATE_KEY_SECRET": secrets.token_hex(32),
        "TIDEGATE_UPSTREAMS_ANTHROPIC_URL": fake,
    }


@contextmanager
def _gateway(config: Path, environ: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway on a free port and its address; what it writes goes into the folder; it ends with this process."""
    options = ("--port", "0", "--log-format", "json", "--until-eof", "--config", str(config))
    command = [sys.executable, "-m", "tidegate", "serve", *options]
    with config.with_name("gateway.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.PIPE, text=True, env=dict(environ)
        )
    rest = threading.Thread(target=_keep_words, args=(process, config.with_name("gateway.err")))
    try:
        address = until_line(process, READY)
        rest.start()
        yield process, address
    finally:
        process.terminate()
        end(process, patience=10.0)
        if rest.ident is not None:
            rest.join()


def _keep_words(process: subprocess.Popen[str], path: Path) -> None:
    """What the gateway says later must not fill its pipe."""
    assert process.stderr is not None
    with process.stderr, path.open("w") as file:
        file.writelines(process.stderr)
