"""All checks: the visible table of topics.  A new topic is one file and one line."""

from collections.abc import Iterable

from tidegate.checks.check import Check
from tidegate.checks.topics import (
    account,
    browser,
    errors,
    git,
    keys,
    limits,
    logs,
    loops,
    models,
    outages,
    production,
    retries,
    sizes,
    spend,
    target,
    thinking,
    usage,
)
from tidegate.checks.topics.target import BOOTED


def _sorted(checks: Iterable[Check]) -> tuple[Check, ...]:
    return tuple(sorted(checks, key=lambda check: (check.point, check.id)))


TOPICS = (
    keys,  # 1
    browser,  # 1
    git,  # 2
    retries,  # 3
    limits,  # 4
    sizes,  # 5
    loops,  # 5
    spend,  # 6
    usage,  # 7
    errors,  # 8
    outages,  # 9
    models,  # 9
    thinking,  # 9
    production,  # 10
    logs,  # 11
    account,  # 1, 6
    target,  # 1, 10
)

CHECKS: tuple[Check, ...] = _sorted(
    check for topic in TOPICS if topic not in {account, target} for check in topic.CHECKS
)
"""What every check of a project looks at."""

ACCOUNT = account.CHECKS
"""What only the Admin API tells: with `--profile live`."""

TARGET = (BOOTED, *target.CHECKS)
"""What only the target tells: with `--profile boot`, and wherever there is its receipt."""

EVERY = _sorted({*CHECKS, *ACCOUNT, *TARGET})
BY_ID = {check.id: check for check in EVERY}


def usual(profile: str, *, receipt: bool) -> tuple[Check, ...]:
    """The checks of a profile; `receipt`: whether a receipt of the target is there."""
    if profile == "boot":
        return _sorted(TARGET)
    return _sorted({*CHECKS, *(ACCOUNT if profile == "live" else ()), *(TARGET if receipt else ())})


def select(only: Iterable[str], skip: Iterable[str], among: Iterable[Check] = CHECKS) -> tuple[Check, ...]:
    """The checks that are asked for; a word is an id (`TG502`) or a point (`TG5`, `5`); raises KeyError.

    A check that is named by its id comes even when it is not `among` those of the profile.
    """
    usually = set(among)
    named = [_named(word) for word in only]
    wanted = {check for found in named for check in found if len(found) == 1 or check in usually}
    left = {check for word in skip for check in _named(word)}
    return _sorted((wanted if named else usually) - left)


def _named(word: str) -> tuple[Check, ...]:
    name = word.strip().upper()
    if name in BY_ID:
        return (BY_ID[name],)
    number = name.removeprefix("TG").removesuffix("XX")
    found = tuple(check for check in EVERY if str(check.point) == number)
    if not found:
        raise KeyError(word)
    return found
