"""What was found in the target, by id of the check: looked at just now, or read from a receipt."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tidegate.checks.verdict import Verdict, skipped, unknown

BOOT: Final = "tidegate check --profile boot"
FILE: Final = "tidegate-receipt.json"
"""Where a receipt is looked for: beside the sources."""

IS_TARGET, KEY, ADDRESS, ANSWER = "TG1001", "TG110", "TG1010", "TG1011"
MANNERS, NAMES, BOOKS, SECRETS = "TG1012", "TG1013", "TG1014", "TG1015"
"""The checks of the target; `topic.py` says what each is for."""

Results = Mapping[str, tuple[Verdict, ...]]


class Target(Struct, frozen=True):
    """The target, as far as it is known."""

    results: Results
    key: str = ""
    """The prefix and the last four characters of its key; "" when they are not known."""

    def said(self, check: str) -> tuple[Verdict, ...]:
        """What a check found there."""
        return self.results.get(check) or (skipped("nothing is known of the target"),)


def unknown_target(text: str, supply: str) -> Target:
    """A target of which nothing can be told, and what would settle it."""
    return Target({IS_TARGET: (unknown(text, supply=supply),)})


NO_RECEIPT: Final = unknown_target(
    "no receipt of the target was found",
    f"`{BOOT}` inside of the target (release command, init container), and its receipt here as {FILE}",
)
