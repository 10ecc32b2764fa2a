"""What browsers load: the output of front-end builds, looked through for keys."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tidegate.checks.files.kinds import BUNDLES
from tidegate.checks.files.reading import Unread, read_bytes
from tidegate.checks.files.secrets import holds_key

_ENDINGS = (".js", ".mjs", ".html", ".map", ".css", ".json")
_MOST = 5_000
"""Files; a build that made more is not looked through to its end."""


class Bundles(Struct, frozen=True):
    """What was found in built files."""

    looked_at: int
    with_keys: tuple[str, ...]
    unread: tuple[str, ...]


def read_bundles(root: Path, applications: Iterable[str]) -> Bundles:
    """Look through the built files of some folders."""
    with_keys: list[str] = []
    unread: list[str] = []
    count = 0
    for path in _built(root, applications):
        if count == _MOST:
            unread.append(f"more than {_MOST:,} built files")
            break
        count += 1
        data = read_bytes(root, path)
        if isinstance(data, Unread):
            unread.append(f"{path} {data.why}")
        elif holds_key(data):
            with_keys.append(path)
    return Bundles(count, tuple(with_keys), tuple(unread))


def _built(root: Path, applications: Iterable[str]) -> Iterator[str]:
    for application in applications:
        for name in BUNDLES:
            for folder, folders, files in os.walk(root / application / name):
                folders[:] = sorted(one for one in folders if one != "node_modules")
                below = Path(folder).relative_to(root)
                yield from ((below / file).as_posix() for file in sorted(files) if file.endswith(_ENDINGS))
