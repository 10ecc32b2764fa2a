"""One record per call in the standard logger "tidegate", for a door inside somebody else's process; never content.

The message reads `claude_call_success app=web user_id=u-1 …`; `record.tidegate` has the same fields as a dictionary.
No handler is installed and no level set: that is the application's.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from tidegate.model.facts import (
    AttemptSettled,
    CallFailed,
    CallRefused,
    CallSucceeded,
    Fact,
    HoldExceeded,
    KeyRejected,
    LeaseExpired,
)
from tidegate.model.texts import Texts
from tidegate.observe.log import LogFacts

LOGGER: Final = logging.getLogger("tidegate")

LEVELS: Final[Mapping[type, int]] = {
    CallSucceeded: logging.INFO,
    CallFailed: logging.ERROR,
    CallRefused: logging.WARNING,
    AttemptSettled: logging.DEBUG,
    HoldExceeded: logging.ERROR,
    LeaseExpired: logging.WARNING,
    KeyRejected: logging.ERROR,
}


class StdFacts:
    """The observer; a fact that nobody listens to costs nothing."""

    def __init__(self, texts: Texts) -> None:
        self._facts = LogFacts(StdLogger(), texts)

    def __call__(self, fact: Fact) -> None:
        """Tell a fact."""
        if LOGGER.isEnabledFor(LEVELS[type(fact)]):
            self._facts(fact)


class StdLogger:
    """The methods of a structlog logger, over the standard one."""

    def is_enabled_for(self, _level: int) -> bool:
        """The levels may change at any time, so `StdFacts` asks for each fact."""
        return True

    def debug(self, event: str, **fields: Any) -> None:
        """A record about what whoever looks closely wants to see."""
        _record(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """A record about what went well."""
        _record(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """A record about what somebody should know."""
        _record(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """A record about what went wrong."""
        _record(logging.ERROR, event, fields)


def _record(level: int, event: str, fields: dict[str, Any]) -> None:
    shown = " ".join(f"{name}={_show(value)}" for name, value in fields.items() if value is not None)
    # Without arguments the message is not formatted again, so that a per cent sign in it stays one.
    LOGGER.log(level, f"{event} {shown}" if shown else event, extra={"tidegate": {"event": event, **fields}})


def _show(value: object) -> str:
    """Values with spaces in quotes, so that a line can be taken apart."""
    text = str(value)
    return f'"{text}"' if " " in text else text
