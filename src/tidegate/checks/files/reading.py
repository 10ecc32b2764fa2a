"""Reading files whole, within bounds, and never anything but a regular file."""

import os
import stat
from pathlib import Path

from msgspec import Struct

LONGEST = 1_000_000
"""Bytes of a source that is read as a program; what is longer was made by a machine."""
LARGEST = 20_000_000
"""Bytes of a file that is looked into at all."""
_DENSE = 500
"""Characters in the mean line of a file that was made small for browsers."""


class Unread(Struct, frozen=True):
    """A file that could not be looked into, or not be read as a program."""

    path: str
    why: str
    mentions: bool
    """Whether it may have to do with Claude, so that nothing can be said without it."""
    names_claude: bool = False
    """Whether Claude is named in it, as far as could be seen."""


def read_bytes(root: Path, path: str) -> bytes | Unread:
    """The content of a regular file."""
    try:
        handle = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return Unread(path, f"cannot be opened: {error.strerror}", mentions=True)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return Unread(path, "is not a plain file", mentions=False)
        if about.st_size > LARGEST:
            return Unread(path, f"is too large to be looked into ({about.st_size // 1_000_000} MB)", mentions=False)
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        return Unread(path, f"cannot be read: {error.strerror}", mentions=True)
    finally:
        os.close(handle)


def decode(data: bytes) -> str:
    """A source as text; what is not UTF-8 becomes replacement characters."""
    return data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")


def is_made(path: str, data: bytes) -> bool:
    """Whether a script was made by a machine for machines: bundled, minified."""
    if path.endswith((".py", ".ts", ".tsx", ".mts", ".cts")):  # nobody serves these as they are
        return False
    if ".min." in path or path.endswith((".bundle.js", ".map")):
        return True
    return len(data) > 20 * _DENSE and len(data) > _DENSE * (data.count(b"\n") + 1)
