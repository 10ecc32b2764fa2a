r"""Credentials of Claude of which characters are escaped: `\u002d` in JSON, `%2D` in addresses."""

import re
from collections.abc import Iterator
from typing import Final

from tidegate.checks.scan.match import Match, credentials

ESCAPED_NEEDLES: Final = (rb"\u002dant\u002d", rb"\u002Dant\u002D", b"%2Dant%2D")
"""The beginning of one, in the way that writers of JSON and of addresses have; each look costs time, so no others."""

_HEX = rb"[2-7][0-9A-Fa-f]"
_ESCAPE = re.compile(rb"\\{1,4}u00(" + _HEX + rb")|%(" + _HEX + rb")")
_HEAD = re.compile(rb"sk(?:-ant-|" + b"|".join(re.escape(one) for one in ESCAPED_NEEDLES) + rb")")
_RUN = re.compile(rb"(?:[A-Za-z0-9_-]|" + _ESCAPE.pattern + rb"){40,1200}")
_BEHIND = 8
"""Bytes that tell whether what stands before them was cut short."""


def has_escaped(data: bytes) -> bool:
    """True when the beginning of one may stand there."""
    return any(needle in data for needle in ESCAPED_NEEDLES)


def escaped_credentials(data: bytes) -> Iterator[Match]:
    """Every credential with an escaped character; its end is that of the run that it stands in."""
    for head in _HEAD.finditer(data):
        run = _RUN.match(data, head.start())
        if run is None or _ESCAPE.search(run[0]) is None:
            continue
        text = _ESCAPE.sub(_character, run[0]) + data[run.end() : run.end() + _BEHIND]
        match = next((one for one in credentials(text) if one.start == 0), None)
        if match is not None:
            yield Match(match.kind, match.secret, run.start(), run.end(), match.sure)


def _character(found: "re.Match[bytes]") -> bytes:
    return bytes.fromhex((found[1] or found[2]).decode())
