"""The paths of the gateway: an explicit list; everything else is answered here and never sent on."""

import re
from typing import Literal

from msgspec import Struct

from tidegate.model.keys import Scope

Handling = Literal["messages", "free", "denied"]


class Path(Struct, frozen=True):
    """What happens on a path."""

    handling: Handling
    methods: tuple[str, ...]
    scope: Scope


_EXACT: dict[str, Path] = {
    "/v1/messages": Path("messages", ("POST",), "messages"),
    "/v1/messages/count_tokens": Path("free", ("POST",), "count_tokens"),
    "/v1/models": Path("free", ("GET",), "models"),
}
exact = _EXACT.get
"""The entry of a path that is always the same."""
_PATTERNS: list[tuple[re.Pattern[str], Path]] = [
    # `.` and `..` are no names: whoever comes after us may resolve them.
    (re.compile(r"/v1/models/(?!\.{1,2}\Z)[A-Za-z0-9._:@-]{1,128}"), Path("free", ("GET",), "models")),
    (re.compile(r"/v1/messages/batches(/.*)?"), Path("denied", ("GET", "POST", "DELETE"), "batches")),
    (re.compile(r"/v1/files(/.*)?"), Path("denied", ("GET", "POST", "DELETE"), "files")),
]


def find_path(raw: str) -> Path | None:
    """The path's entry; None for an unknown one.  `raw` is not percent-decoded: no second spelling is accepted."""
    path = exact(raw)
    if path is not None:
        return path
    for pattern, found in _PATTERNS:
        if pattern.fullmatch(raw):
            return found
    return None
