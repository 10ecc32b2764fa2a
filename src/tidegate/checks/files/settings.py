"""Files beside the program that say how it runs: .env, Docker, deployment, manifests."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.checks.files.kinds import MANIFESTS, is_beside, name_of
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.reading import Unread, decode, read_bytes
from tidegate.checks.files.secrets import holds_key

ENV_FILE: Final = re.compile(r"\.env(?:\.[\w.-]+)?|[\w-]+\.env")
EXAMPLE: Final = re.compile(r".*(?:example|sample|template|dist|default)s?")
"""Names of .env files that are made to be committed."""

_DEPLOYING = re.compile(
    r"(?:.*\.)?(?:docker|container)file(?:\..*)?|.*\.dockerfile|\.dockerignore|.*\.ya?ml|fly.*\.toml|railway\.(?:json|toml)"
    r"|vercel\.json|netlify\.toml|app\.json|procfile|.*\.service|.*\.sh|wrangler\.(?:toml|jsonc?)|requirements[\w.-]*\.txt"
    r"|uv\.lock|poetry\.lock|constraints[\w.-]*\.txt",
    re.IGNORECASE,
)
_LARGEST = 2_000_000
_WORDS = (b"anthropic", b"claude")


class Text(Struct, frozen=True):
    """A small file, whole."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Its last part."""
        return name_of(self.path)


def read_settings(listing: Listing) -> tuple[Text, ...]:
    """What says how the program runs and names Claude or holds a key; manifests and Docker files always."""
    return tuple(_wanted(listing.root, dict.fromkeys((*listing.paths, *_hidden(listing)))))


def _hidden(listing: Listing) -> Iterator[str]:
    """.env files that git ignores, beside files of the project."""
    for folder in sorted({"", *(path.rpartition("/")[0] for path in listing.paths)}):
        try:
            with os.scandir(listing.root / folder) as entries:
                names = sorted(one.name for one in entries if ENV_FILE.fullmatch(one.name) and _is_plain(one))
        except OSError:
            continue
        yield from (f"{folder}/{name}".lstrip("/") for name in names)


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, and no link to one."""
    return entry.is_file(follow_symlinks=False)


def _wanted(root: Path, paths: Iterable[str]) -> Iterator[Text]:
    for path in paths:
        name = name_of(path)
        always = name in MANIFESTS or name == ".dockerignore" or bool(re.fullmatch(r"(?i).*dockerfile.*", name))
        if not (always or ENV_FILE.fullmatch(name) or _DEPLOYING.fullmatch(name)) or is_beside(path):
            continue
        data = read_bytes(root, path)
        if isinstance(data, Unread) or len(data) > _LARGEST:
            continue
        if always or any(word in data.lower() for word in _WORDS) or holds_key(data):
            yield Text(path, decode(data))


def is_env_file(text: Text) -> bool:
    """Whether it gives variables to the program, and is no example."""
    return bool(ENV_FILE.fullmatch(text.name)) and not EXAMPLE.fullmatch(text.name)
