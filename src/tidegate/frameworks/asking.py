"""From what the application says about a request to the caller of its calls."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tidegate.doors.guard.caller import caller

Asked = Callable[[Any], Any]
"""Who asks, or by which route, for a request of the framework: a text, a number, an id; None where nobody is known."""


def acting(user: object, route: object) -> AbstractContextManager[object]:
    """A block for this caller; what is None or empty is not named."""
    given = {name: text for name, value in (("user", user), ("route", route)) if (text := _name(value))}
    return caller(**given) if given else nullcontext()


def _name(value: object) -> str:
    return "" if value is None else str(value).strip()
