"""`.tidegate-scan.toml`: secrets that are known and harmless, each by its fingerprint, with a reason and a last day.

    [[suppress]]
    fingerprint = "0123456789abcdef"
    reason = "revoked on 2026-03-01; in the history of a test"
    expires = 2027-03-01

A fingerprint stands for one secret, wherever it moves, and for no other secret on the same line.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final

from msgspec import Struct

from tidegate.checks.scan.results import Suppressed
from tidegate.checks.scan.trouble import ScanError

FILE: Final = ".tidegate-scan.toml"

_NAMES = ("fingerprint", "reason", "expires")
_FINGERPRINT = re.compile(r"[0-9a-f]{16,64}")


class Suppressions(Struct, frozen=True):
    """Those of one repository, by the first 16 digits."""

    rules: Mapping[str, Suppressed] = {}

    def find(self, name: str) -> Suppressed | None:
        """What is said about the secret of that fingerprint."""
        return self.rules.get(name)

    def idle(self, found: Iterable[str]) -> list[str]:
        """A note for each suppression that suppresses nothing of what was found."""
        left = self.rules.keys() - set(found)
        return [f"{FILE}: {name} is nowhere any more; its suppression can go" for name in sorted(left)]


def parse(text: bytes, place: str) -> Suppressions:
    """The suppressions of a file; raises ScanError with the place and the line."""
    try:
        whole = text.decode("utf-8-sig")
        tree = tomllib.loads(whole)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScanError(f"{place}: this is not TOML: {error}") from None
    lines = [
        number for number, line in enumerate(whole.splitlines(), 1) if re.match(r"\s*\[\[\s*suppress\s*\]\]", line)
    ]
    for name in tree:
        if name != "suppress":
            raise ScanError(f"{place}: {name!r} means nothing here; write [[suppress]]")
    entries = tree.get("suppress", [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ScanError(f"{place}: write [[suppress]], in double brackets, above each suppression")
    rules: dict[str, Suppressed] = {}
    for number, entry in enumerate(entries):
        where = f"{place}:{lines[number]}" if number < len(lines) else place
        name = _fingerprint(entry, where)
        rules[name] = Suppressed(_reason(entry, where), _expires(entry, where))
    return Suppressions(rules)


def _fingerprint(entry: dict[str, Any], where: str) -> str:
    for name in entry:
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, 1)
            raise ScanError(
                f"{where}: {name!r} means nothing here; {f'did you mean {near[0]}?' if near else _expected()}"
            )
    value = entry.get("fingerprint")
    if not isinstance(value, str) or not _FINGERPRINT.fullmatch(value):
        raise ScanError(f"{where}: a suppression needs the fingerprint that `tidegate scan` shows (16 digits 0-9, a-f)")
    return value[:16]


def _reason(entry: dict[str, Any], where: str) -> str:
    value = entry.get("reason")
    if not isinstance(value, str) or len(value.split()) < 2:
        raise ScanError(f'{where}: a suppression needs a reason, as in reason = "revoked on 2026-03-01; test data"')
    return " ".join("".join(one if one.isprintable() else " " for one in value).split())


def _expires(entry: dict[str, Any], where: str) -> date:
    value = entry.get("expires")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, date):
        raise ScanError(
            f"{where}: a suppression needs a last day, as in expires = 2027-03-01 (far away, for a revoked key)"
        )
    return value


def _expected() -> str:
    return f"a suppression has {', '.join(_NAMES)}"
