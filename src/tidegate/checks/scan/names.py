"""Names from a repository (paths, authors, references) in a form that can be shown: one line, harmless, no secret."""

import os

from tidegate.checks.scan.match import NEEDLES, credentials, shown


def display(raw: bytes) -> str:
    """A name as text; one with control characters, invalid UTF-8 or quotes is written in quotes, escaped as in C."""
    text = _masked(raw).decode("utf-8", "surrogateescape")
    if text.isprintable() and '"' not in text:
        return text
    return '"' + "".join(_escaped(one) for one in text) + '"'


def display_path(path: "os.PathLike[str] | str") -> str:
    """A path of this machine, as `display` does it."""
    return display(os.fsencode(path))


def _masked(raw: bytes) -> bytes:
    if not any(needle in raw for needle in NEEDLES):
        return raw
    for match in sorted(credentials(raw), key=lambda one: -one.start):
        raw = raw[: match.start] + shown(match.secret.decode(), match.kind).encode() + raw[match.end :]
    return raw


def _escaped(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    if one.isprintable():
        return one
    if 0xDC80 <= ord(one) <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{ord(one) - 0xDC00:02x}"
    return one.encode("unicode_escape").decode()
