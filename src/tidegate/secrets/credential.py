"""A secret that may be read again: keys are rotated while programs run."""

from collections.abc import Callable

from tidegate.model.errors import ConfigError
from tidegate.secrets.secret import Secret


class Credential:
    """The secret that is valid now, as far as is known; calling it gives the text."""

    def __init__(self, secret: Secret, read: Callable[[], Secret]) -> None:
        self._secret = secret
        self._read = read

    def __call__(self) -> str:
        """The text."""
        return self._secret.reveal()

    def renew(self) -> bool:
        """Read it anew from where it comes from; True when it is another one now."""
        try:
            secret = self._read()
        except ConfigError:  # it is gone: the old one is as good as none, and its refusal is told
            return False
        text = secret.reveal()
        if text == self() or not text.isascii() or not text.isprintable():
            return False  # what cannot be sent, as a file that is just being written, would never be refused
        self._secret = secret
        return True
