"""Where each member of a JSON object stands in its bytes, exactly, and whether a name appears twice.

msgspec says what an object holds, not where, and of two members with one name it keeps the last.  Both matter here:
an edit must hit the right bytes, and a name given twice may be read differently by whoever comes after us.

The rules:

1. The object is known to be valid JSON, because msgspec decoded it; so nothing is validated again.
2. A value needs no parser to be skipped: it must be, byte for byte, the value that msgspec found under that name.
   JSON values delimit themselves, so equal bytes mean the same value.  If they differ, msgspec's value comes from a
   later member with the same name, which is what we look for.
3. Without spaces, escapes and repeated names an object's size follows from its parts (`object_size`).  Each of the
   three only adds bytes, so equal sizes prove that there are none, for nested objects together as for one.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import methodcaller

from msgspec import Raw
from msgspec.json import Decoder

Span = tuple[int, int]
"""Start and end of a value."""

_SPACE = rb"[ \t\n\r]*+"
_NAME = re.compile(_SPACE + rb"[{,]" + _SPACE + rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"' + _SPACE + rb":" + _SPACE)
"""From the brace or comma before a member to its value."""
_END = re.compile(_SPACE + rb"\}" + _SPACE)
_EMPTY = re.compile(_SPACE + rb"\{" + _SPACE + rb"\}")
_SCALAR = re.compile(rb'"[^"\\]*+"|[-0-9][-+.0-9eE]*+|true|false|null')
_STRING: Decoder[str] = Decoder(str)
_values = methodcaller("values")


class TwiceError(ValueError):
    """A name appears twice in one object; `name` is it."""

    def __init__(self, name: str) -> None:
        super().__init__("a name appears twice")
        self.name = name


def spans(body: bytes, values: Mapping[str, Raw]) -> dict[str, Span]:
    """Name to span of the value, in the order of the body; `values` is what msgspec made of it.  Raises TwiceError."""
    found: dict[str, Span] = {}
    at, key = 0, ""
    while (name := _NAME.match(body, at)) is not None:
        key, start = _name(name[1]), name.end()
        value = bytes(values[key])
        at = start + len(value)
        if key in found or not body.startswith(value, start):
            raise TwiceError(key)
        found[key] = (start, at)
    if found and _END.fullmatch(body, at) is None:
        # The last value only starts like the one that msgspec found: 12 and 1.
        raise TwiceError(key)
    return found


def leading_span(body: bytes, wanted: str) -> Span | None:
    """The span of a value that stands before the first list or object, without decoding the rest; else None."""
    at = 0
    while (name := _NAME.match(body, at)) is not None and (value := _SCALAR.match(body, name.end())) is not None:
        if _name(name[1]) == wanted:
            return value.span()
        at = value.end()
    return None


def insertion(body: bytes) -> tuple[int, bool]:
    """The place right after the opening brace, and whether the object is empty."""
    return body.index(b"{") + 1, _EMPTY.match(body) is not None


def check_unique(raw: Raw, members: Mapping[str, Raw]) -> None:
    """Raise TwiceError when the object repeats a name; `members` is what msgspec made of it."""
    if object_size(members) != len(raw):
        spans(bytes(raw), members)


def object_size(members: Mapping[str, Raw]) -> int:
    """The size of an object without spaces, escaped names and repeated names; its true size is never less."""
    if not members:
        return 2
    # Per member two quotes, a colon and a comma; the last comma is missing, but there are two braces.
    return sum(map(len, members)) + sum(map(len, members.values())) + 4 * len(members) + 1


def items_size(items: Sequence[Mapping[str, Raw]]) -> int:
    """The size of such objects, each with a comma after it; their true size is never less."""
    names = sum(map(len, chain.from_iterable(items)))
    values = sum(map(len, chain.from_iterable(map(_values, items))))
    return names + values + 4 * sum(map(len, items)) + 2 * len(items)


def _name(raw: bytes) -> str:
    return _STRING.decode(b'"' + raw + b'"') if b"\\" in raw else raw.decode()
