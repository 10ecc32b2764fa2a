"""Files beside the program that say how it runs: .env, Docker, deployment, manifests."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from tidegate.checks.files.kinds import MANIFESTS, is_beside, name_of
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.reading import Unread, decode, read_bytes

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
    """Everything that says how the program runs and mentions Claude; manifests and Docker files always."""
    return tuple(_wanted(listing.root, dict.fromkeys((*listing.paths, *_hidden(listing)))))


def _hidden(listing: Listing) -> Iterator[str]:
    """.env files that git ignores, where applications begin."""
    folders = {PurePosixPath(path).parent for path in listing.paths if name_of(path) in MANIFESTS}
    for folder in sorted({PurePosixPath(), *folders}):
        try:
            names = sorted(one.name for one in (listing.root / folder).glob(".env*") if one.is_file())
        except OSError:
            continue
        yield from ((folder / name).as_posix() for name in names)


def _wanted(root: Path, paths: Iterable[str]) -> Iterator[Text]:
    for path in paths:
        name = name_of(path)
        always = name in MANIFESTS or name == ".dockerignore" or bool(re.fullmatch(r"(?i).*dockerfile.*", name))
        if not (always or ENV_FILE.fullmatch(name) or _DEPLOYING.fullmatch(name)) or is_beside(path):
            continue
        data = read_bytes(root, path)
        if isinstance(data, Unread) or len(data) > _LARGEST:
            continue
        if always or any(word in data.lower() for word in _WORDS):
            yield Text(path, decode(data))


def is_env_file(text: Text) -> bool:
    """Whether it gives variables to the program, and is no example."""
    return bool(ENV_FILE.fullmatch(text.name)) and not EXAMPLE.fullmatch(text.name)
