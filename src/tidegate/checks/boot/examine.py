"""Looks at the target from inside: variables, addresses, one request, tidegate's own books."""

import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.checks.boot import address, answer, books, credentials, manners, secrets
from tidegate.checks.boot.places import Place, base_url, read_places
from tidegate.checks.boot.target import ADDRESS, ANSWER, BOOKS, IS_TARGET, KEY, MANNERS, NAMES, SECRETS, Target
from tidegate.checks.live.keys import visible_part
from tidegate.checks.verdict import Verdict, failed, passed, skipped, unknown
from tidegate.config import files
from tidegate.config.environment import PLATFORMS, production_sign
from tidegate.config.hidden import HiddenEnvironment
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.model.errors import ConfigError

_NOT_USED: Final = "tidegate is not used here"
_APART: Final = {"TIDEGATE_ENV"}
"""Variables that a program without tidegate may have, too."""


class Examined(Struct, frozen=True):
    """The target, and what a receipt of it needs."""

    target: Target
    places: tuple[Place, ...]
    settings: Settings | None
    environ: HiddenEnvironment
    sign: str | None
    """The variable that says that this is production."""

    @property
    def where(self) -> str:
        """What tells this target from others, as a text that only hashes are made of."""
        names = ("FLY_APP_NAME", "RAILWAY_SERVICE_ID", "RENDER_SERVICE_ID", "K_SERVICE", "VERCEL_PROJECT_ID", "DYNO")
        return "\n".join((socket.gethostname(), *(f"{name}={self.environ.get(name, '')}" for name in names)))


def examine(environ: Mapping[str, str], root: Path, now: datetime) -> Examined:
    """Look at everything; asks Claude once for each place."""
    sign = production_sign(environ)
    settings, wrong = _settings(environ, root)
    places = () if wrong else read_places(environ, settings, root)
    keys = [place.key.reveal() for place in places if place.key is not None]
    results = {
        IS_TARGET: (_is_target(sign, environ),),
        KEY: credentials.judge(places, environ) if not wrong else _unread(wrong),
        ADDRESS: address.judge([place.url for place in places] or [base_url(environ)]) if not wrong else _unread(wrong),
        ANSWER: answer.ask(places, now) if not wrong else _unread(wrong),
        MANNERS: manners.switched(environ),
        NAMES: manners.named(environ, root),
        BOOKS: _unread(wrong) if wrong else (skipped(_NOT_USED),) if settings is None else books.look(settings, sign),
        SECRETS: wrong or ((skipped(_NOT_USED),) if settings is None else secrets.look(settings)),
    }
    seen = visible_part(keys[0]) if keys else ""
    return Examined(Target(results, seen), places, settings, HiddenEnvironment(environ), sign)


def _settings(environ: Mapping[str, str], root: Path) -> tuple[Settings | None, tuple[Verdict, ...]]:
    """The settings as the program would have them; None: it does not use tidegate; and what is wrong with them."""
    try:
        used = files.find(None, environ, root) is not None or any(
            name.startswith("TIDEGATE_") and name not in _APART and value for name, value in environ.items()
        )
        return (load(environ=environ, directory=root) if used else None), ()
    except ConfigError as error:
        fix = "Correct it among the target's variables, or in tidegate.toml."
        return None, tuple(failed(None, f"{line}.", fix=fix) for line in str(error).splitlines())


def _is_target(sign: str | None, environ: Mapping[str, str]) -> Verdict:
    if sign is not None:
        kind = "" if sign in PLATFORMS else " (set by hand)"
        return passed(f"{sign} says that this is production{kind}", "live")
    said = (
        "TIDEGATE_ENV says that this is not production"
        if environ.get("TIDEGATE_ENV")
        else "nothing here says production"
    )
    return unknown(
        f"whether this is the target cannot be told: {said}", supply="TIDEGATE_ENV=production among its variables"
    )


def _unread(wrong: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    return (unknown("the settings of tidegate cannot be read", supply="settings without errors"),) if wrong else ()
