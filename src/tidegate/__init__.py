"""tidegate: from localhost to production with Claude.

    import anthropic, tidegate

    client = tidegate.guard(anthropic.Anthropic())
    with tidegate.caller(user="u-1"):
        client.messages.create(…)

Importing it does no work: each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate.doors.guard.caller import bind, caller
    from tidegate.doors.guard.friendly import friendly
    from tidegate.doors.guard.guarding import guard

__all__ = ["bind", "caller", "friendly", "guard"]

_HOMES = {
    "bind": "tidegate.doors.guard.caller",
    "caller": "tidegate.doors.guard.caller",
    "friendly": "tidegate.doors.guard.friendly",
    "guard": "tidegate.doors.guard.guarding",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
