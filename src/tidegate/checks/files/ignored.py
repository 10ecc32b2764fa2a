"""Whether git leaves files with secrets alone."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from tidegate.checks.files.git import git
from tidegate.checks.files.kinds import name_of
from tidegate.checks.files.listing import Listing
from tidegate.checks.files.settings import ENV_FILE, EXAMPLE, Text

MUST_BE_IGNORED: Final = (".env", ".env.local", ".env.production")
_VALUE = re.compile(
    r"^\s*(?:export\s+)?([A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)[A-Z0-9_]*)\s*=\s*[\"']?([^\s\"'#]+)", re.MULTILINE
)


class Ignored(Struct, frozen=True):
    """What git says about files with secrets."""

    error: str = ""
    """Why git cannot be asked."""
    open: tuple[str, ...] = ()
    """Paths that git would take, of those that must be ignored."""
    tracked: tuple[str, ...] = ()
    """Files with secrets that git has."""


def read_ignored(listing: Listing, texts: Iterable[Text], folders: Iterable[str]) -> Ignored:
    """Ask git about the .env files of some folders."""
    if listing.repository is None:
        return Ignored(error=listing.without)
    names = [
        name if folder == "." else f"{folder}/{name}" for folder in sorted({".", *folders}) for name in MUST_BE_IGNORED
    ]
    asked = b"\0".join(name.encode(errors="surrogateescape") for name in names)
    said = git(listing.root, "check-ignore", "--no-index", "-z", "--stdin", given=asked)
    if said.code not in {0, 1}:
        return Ignored(error=said.err.strip() or "git did not answer")
    by_path = {text.path: text for text in texts}
    tracked = tuple(path for path in sorted(listing.tracked) if _has_secrets(path, by_path.get(path)))
    return Ignored(open=tuple(name for name in names if name not in said.names), tracked=tracked)


def _has_secrets(path: str, text: Text | None) -> bool:
    name = name_of(path)
    if not ENV_FILE.fullmatch(name) or EXAMPLE.fullmatch(name):
        return False
    return name in MUST_BE_IGNORED or (
        text is not None and any(len(value) > 12 for _, value in _VALUE.findall(text.text))
    )
