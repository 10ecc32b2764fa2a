"""Whether tidegate has its own secrets in the target, and whether they are any good."""

from collections.abc import Iterator
from typing import Final

from tidegate.checks.verdict import Verdict, failed, passed, warned
from tidegate.config.settings import Settings

_LEAST_LETTERS: Final = 10
_MADE_UP: Final = ("changeme", "change-me", "placeholder", "example", "secret-secret", "your-")
_MAKE: Final = "`openssl rand -hex 32` makes a good one."


def look(settings: Settings) -> tuple[Verdict, ...]:
    """What is to be said about the key secret and the admin token; that they are long enough was read with them."""
    return tuple(_look(settings)) or (passed("TIDEGATE_KEY_SECRET and TIDEGATE_ADMIN_TOKEN are set", "live"),)


def _look(settings: Settings) -> Iterator[Verdict]:
    key, token = settings.key_secret, settings.admin_token
    if key is None:
        text = "TIDEGATE_KEY_SECRET is not set: the gateway does not start."
        yield failed(None, text, fix=f"Set it among the target's variables; {_MAKE}")
    if token is None:
        text = "TIDEGATE_ADMIN_TOKEN is not set: dashboard and metrics are closed."
        yield warned(None, text, fix=f"Set it among the target's variables; {_MAKE}")
    if key is not None and token is not None and key.reveal() == token.reveal():
        text = "TIDEGATE_KEY_SECRET and TIDEGATE_ADMIN_TOKEN are the same."
        yield failed(None, text, fix=f"Make two; {_MAKE}", secret=True)
    for name, secret in (("TIDEGATE_KEY_SECRET", key), ("TIDEGATE_ADMIN_TOKEN", token)):
        text = secret.reveal() if secret is not None else ""
        if text and (len(set(text)) < _LEAST_LETTERS or any(word in text.lower() for word in _MADE_UP)):
            yield failed(None, f"{name} can be guessed.", fix=_MAKE, secret=True)
