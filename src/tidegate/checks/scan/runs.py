"""Runs of base64 in bytes: where they are, across wrapped lines, and what they decode to.

A run is at least 38 characters of both alphabets (`+/` and `-_`), so that every credential is one, too: encoded, and
as it is.  What stands before a run (`key-`, `/path/`) may be glued to it, so a run is decoded at all four positions.
"""

import re
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

LEAST: Final = 38
"""The shortest credential: `whsec_` and 32 characters."""

LEAST_ENCODED: Final = 51
"""The shortest credential in base64."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_OTHERS = bytes(one for one in range(256) if one not in _ALPHABET)
_CLASSES = bytes(65 if one in _ALPHABET else 32 for one in range(256))
_RUN = b"A" * LEAST
_STANDARD = bytes.maketrans(b"-_", b"+/")

_BREAK = re.compile(
    rb"(?:\r?\n|(?:\\r)?\\n)(?:[ \t>#*]|\\?[\"'],?\s{0,80}\\?[\"']){0,80}"
    rb"|\\?[\"'],?[ \t]{0,80}\r?\n[ \t]{0,80}\\?[\"']"
)
"""From one line of wrapped base64 to the next: also escaped in JSON, indented, quoted, in a list."""

_FURTHER = re.compile(
    rb"(?:(?:" + _BREAK.pattern + rb")[A-Za-z0-9+/_-]{30,})*"
    rb"(?:(?:" + _BREAK.pattern + rb")[A-Za-z0-9+/_-]+={0,2}(?![A-Za-z0-9+/_ -]))?"
)
MAY_GO_ON: Final = frozenset((b"\r", b"\n", b"\\", b'"', b"'"))
"""What stands behind a run that may go on in the next line."""

_SHORT = 4096
"""Longer runs are decoded from their start, and around what is an encoded needle at any position."""

_AROUND = 2048


def runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of every run, in order."""
    find = data.translate(_CLASSES).find
    start = find(_RUN)
    while start >= 0:
        end = find(b" ", start + LEAST)
        if end < 0:
            end = len(data)
        yield start, end
        start = find(_RUN, end)


def joined(data: bytes, start: int, end: int) -> tuple[bytes, int]:
    """The run, with the wrapped lines below it, without what separates them; and where all of it ends."""
    further = _FURTHER.match(data, end)
    if further is not None and further.end() > end:
        return _BREAK.sub(b"", data[start : further.end()]).translate(None, _OTHERS), further.end()
    return data[start:end], end


def decodings(run: bytes) -> list[bytes]:
    """What a run may decode to."""
    text = run.translate(_STANDARD)
    if len(text) <= _SHORT:
        return [_decoded(text), _decoded(text[1:]), _decoded(text[2:]), _decoded(text[3:])]
    found = [_decoded(text)]
    for needle in _ENCODED:
        at = text.find(needle)
        while at >= 0:
            begin = max(0, at - 8)
            found += [_decoded(text[begin + offset : begin + _AROUND]) for offset in range(4)]
            at = text.find(needle, at + _AROUND // 2)
    return found


def _decoded(text: bytes) -> bytes:
    """A run is of the alphabet alone, so that only its length could be wrong: no bytes encode to 4n + 1 characters."""
    return a2b_base64(text[:-1] if len(text) % 4 == 1 else text + b"=" * (-len(text) % 4))


def _stable(needle: bytes, offset: int) -> bytes:
    """The characters that encode a needle, whatever stands around it, when it begins `offset` bytes into a group."""
    first, last = -(-offset * 8 // 6), (offset + len(needle)) * 8 // 6
    return b64encode(bytes(offset) + needle)[first:last]


_ENCODED: Final = tuple(_stable(needle, offset) for needle in (b"sk-ant-", b"tg_", b"whsec_") for offset in range(3))
