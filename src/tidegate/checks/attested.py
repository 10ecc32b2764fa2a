"""`tidegate check --attest`: a person vouches for what cannot be told, by name and for a time.

It becomes a table in tidegate-check.toml, which is committed, so that a review sees it:

    [[attest]]
    check = "TG601"
    by = "Ada"
    how = "500 USD a month, seen in the Console"
    on = 2026-11-22
    until = 2027-02-20

An attestation settles an unknown and nothing else: what the sources, the Console or the target show to be wrong stays
wrong.  Expired, it counts for nothing.  Of several for one check the one that lasts longest counts.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from tidegate.checks.notes import FILE, LONGEST, read_notes
from tidegate.config.files import read_text, read_toml
from tidegate.model.errors import ConfigError

USUAL: Final = timedelta(days=90)
_LONGEST_TEXT: Final = 300


def attest(root: Path, check: str, *, by: str, how: str, until: date | None, today: date, known: Iterable[str]) -> str:
    """Write an attestation into a folder's tidegate-check.toml; returns the lines, raises ConfigError."""
    last = until or today + USUAL
    if last < today:
        raise ConfigError(f"--until: {last} is over; the last day must be to come")
    if last > today + LONGEST:
        raise ConfigError(f"--until: {last} is too far; {today + LONGEST} at most, then somebody looks again")
    if not by.strip():
        raise ConfigError("--by: say who vouches for it, as in --by Ada")
    known = frozenset(known)
    read_notes(root, known)  # what is wrong with the file already is told before anything is added
    lines = (
        "[[attest]]",
        f"check = {_text(check, '--attest')}",
        f"by = {_text(by, '--by')}",
        f"how = {_text(how or 'looked at by hand', '--note')}",
        f"on = {today}",
        f"until = {last}",
    )
    block = "\n".join(lines) + "\n"
    _append(root / FILE, block)
    return block


def _text(text: str, option: str) -> str:
    """The text as TOML writes it: as JSON does, for what can be printed."""
    clean = " ".join(text.split())
    if not clean.isprintable() or len(clean) > _LONGEST_TEXT:
        raise ConfigError(f"{option}: write at most {_LONGEST_TEXT} characters, all of them visible")
    return msgspec.json.encode(clean).decode()


def _append(path: Path, block: str) -> None:
    before = read_text(path, FILE) if path.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    try:
        read_toml(before + gap + block, FILE)
    except ConfigError:
        raise ConfigError(f"{FILE}: write each attestation as a table [[attest]]; then one can be added") from None
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(gap + block)
