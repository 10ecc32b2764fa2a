"""The profiles of `tidegate check`: which evidence is gathered where."""

from typing import Final

from msgspec import Struct

from tidegate.checks.verdict import Evidence


class Profile(Struct, frozen=True):
    """Where a check runs."""

    says: str
    gathers: frozenset[Evidence]


_AT_REST: Final = frozenset[Evidence]({"static", "history", "config", "attested"})

PROFILES: Final = {
    "local": Profile("on a developer's machine: the sources, git's history, tidegate.toml", _AT_REST),
    "ci": Profile("as local, for machines: no progress is shown", _AT_REST),
    "live": Profile("as local, and the Claude Console is asked, with an Admin key", _AT_REST | {"live"}),
    "boot": Profile("inside of the target, with its variables and without sources", frozenset({"live"})),
}

BUILT: Final = frozenset[Evidence]({"static", "history", "config", "live", "attested"})
"""Evidence that this version can gather.  What is not in it is said to be unknown, never passed."""
