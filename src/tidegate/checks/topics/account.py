"""Points 1 and 6, as the Claude Console sees them: spend limits, this month's cost, the program's key, other keys."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from tidegate.checks.check import Check
from tidegate.checks.live.facts import USED_WITHIN, Console, Limit, Trouble
from tidegate.checks.live.keys import Key, masked, named, short
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count
from tidegate.checks.verdict import Verdict, failed, passed, skipped, unknown, warned

_OLD: Final = 180
"""Days after which a key should have been renewed."""

_SOON: Final = timedelta(days=14)
_WARN, _STOP = Decimal("0.8"), Decimal(1)
"""Shares of a limit."""

_NOT_PRODUCTION = frozenset(
    {"dev", "development", "test", "tests", "testing", "local", "laptop", "staging", "sandbox", "personal", "demo"}
)
_SAY_WHICH: Final = "ANTHROPIC_API_KEY as production has it, or a receipt of the target (--profile boot)"
_SET: Final = "Set a monthly limit in the Claude Console: Settings, Limits."


def limited(project: Project) -> Iterator[Verdict]:
    """The monthly limit in the Claude Console is the last stop: when everything else fails, requests are refused
    instead of billed.  It cannot be seen from the sources: only the Admin API or a person who looked can tell.
    """
    console = project.console.get()
    if isinstance(console.limits, Trouble):
        yield _untold(console.limits)
        return
    key, limits = _program(console), console.limits
    whole = [one for one in limits if one.scope == "organization"]
    parts = {one.workspace: one for one in limits if one.scope == "workspace" and one.enabled}
    if any(one.enabled for one in whole):
        yield passed(f"{_said(next(one for one in whole if one.enabled))} for the organization", "live")
    elif whole:
        yield unknown(f"{_said(whole[0])} is set, and extra usage is switched off", supply="a look at the Console")
    elif key is not None and key.workspace in parts:
        yield passed(f"{_said(parts[key.workspace])} for the workspace of {masked(key)}", "live")
    elif parts and key is None:
        yield unknown("some workspaces have a limit; which of them this program uses is not known", supply=_SAY_WHICH)
    else:
        caps = [_said(one) for one in limits if one.scope == "usage_tier"]
        tier = f" Only the cap of the usage tier, {caps[0]}, stops the bill." if caps else ""
        where = f" for the workspace of {masked(key)}" if parts and key is not None else ""
        yield failed(None, f"No spend limit is set{where}.{tier}", fix=_SET)


def spent(project: Project) -> Iterator[Verdict]:
    """At the limit every request is refused until the month is over, for all users at once.  Whoever sees it coming can
    raise the limit, or find out who spends so much, before that.
    """
    console = project.console.get()
    for part in (console.limits, console.costs):
        if isinstance(part, Trouble):
            yield _untold(part)
            return
    shares = sorted(_shares(console), key=lambda one: one[0])
    if not shares:
        yield skipped("there is no monthly limit to compare this month's cost with")
        return
    share, cost, limit = shares[-1]
    text = f"{_money(cost, limit.currency)} of {_said(limit)} were spent this month ({int(share * 100)}%)"
    if share >= _STOP:
        yield failed(None, f"{text}: requests are refused.", fix=f"Find out who spends so much. {_SET}")
    elif share >= _WARN:
        yield warned(None, f"{text}.", fix="Find out who spends so much, or raise the limit in time.")
    else:
        yield passed(text, "live")


def _shares(console: Console) -> Iterator[tuple[Decimal, Decimal, Limit]]:
    """Of every monthly limit that stops this program: how much of it is gone, in what way."""
    assert not isinstance(console.limits, Trouble)
    assert not isinstance(console.costs, Trouble)
    key = _program(console)
    for limit in console.limits:
        own = limit.scope == "workspace" and key is not None and key.workspace == limit.workspace
        if limit.period != "monthly" or not limit.enabled or not (own or limit.scope in {"organization", "usage_tier"}):
            continue
        cost = sum((one.amount for one in console.costs if not own or one.workspace == limit.workspace), Decimal(0))
        yield (cost / limit.amount if limit.amount else _STOP, cost, limit)


def own(project: Project) -> Iterator[Verdict]:
    """Production needs a key of its own: in a workspace of its own, so that its limits and its cost are its own;
    renewed at times, so that a forgotten copy ends by itself; and no key that somebody made to try something.
    """
    console = project.console.get()
    if isinstance(console.keys, Trouble):
        yield _untold(console.keys)
        return
    key = _program(console)
    if key is None:
        alike = f"{named(console.own)} look alike" if console.own else "the key here is none of this organization's"
        yield unknown("which key this program uses is not known" if console.own is None else alike, supply=_SAY_WHICH)
        return
    if key.status != "active":
        fix = "Make a new key in the Claude Console."
        yield failed(None, f"{masked(key)} is {_word(key.status)}: it is refused.", fix=fix)
        return
    wrong = list(_doubts(console, key))
    yield from (warned(None, f"{masked(key)} {text}.", fix=fix) for text, fix in wrong)
    if not wrong:
        ends = f"expires on {key.expires:%Y-%m-%d}" if key.expires else "never expires"
        yield passed(f"{masked(key)} is {_age(console, key)} days old and {ends}", "live")


def _doubts(console: Console, key: Key) -> Iterator[tuple[str, str]]:
    new = "Make a new key in the Claude Console, put it in place, then delete this one."
    if key.expires is not None and key.expires - console.now < _SOON:
        yield f"expires on {key.expires:%Y-%m-%d}; every request is refused from then on", new
    if _age(console, key) > _OLD:
        yield f"is {_age(console, key)} days old", new
    if isinstance(console.workspaces, Trouble):
        return
    if key.workspace is None:
        yield "is in the default workspace", "Make a workspace for production, with a limit, and a key in it."
    names = (key.name, short(console.workspaces.get(key.workspace or "", "")))
    if any(_NOT_PRODUCTION & set(re.split(r"[^a-z]+", name.lower())) for name in names):
        where = f" (workspace {names[1]})" if names[1] else ""
        yield f"is not production's, by its name{where}", "Use a key that was made for production."


def forgotten(project: Project) -> Iterator[Verdict]:
    """A key that nobody uses has no use but to whoever finds it, and one without an expiry stays good for ever."""
    console = project.console.get()
    if isinstance(console.keys, Trouble):
        yield _untold(console.keys)
        return
    if isinstance(console.used, Trouble):
        yield _untold(console.used)
        return
    active = [key for key in console.keys if key.status == "active"]
    idle = [key for key in active if key.id not in console.used and _age(console, key) >= USED_WITHIN]
    old = [key for key in active if key not in idle and key.expires is None and _age(console, key) > _OLD]
    if idle:
        text = f"Active, and not used for {USED_WITHIN} days: {named(idle)}."
        yield warned(None, text, fix="Delete them in the Claude Console.")
    if old:
        text = f"Older than {_OLD} days, without an expiry: {named(old)}."
        yield warned(None, text, fix="Renew them in the Claude Console, with an expiry.")
    if not idle and not old:
        yield passed(f"{count(len(active), 'active key')}, none of them idle or old", "live")


def _untold(trouble: Trouble) -> Verdict:
    return unknown(trouble.text, supply=trouble.supply)


def _program(console: Console) -> Key | None:
    """The key that the program uses, when exactly one fits."""
    return console.own[0] if console.own is not None and len(console.own) == 1 else None


def _said(limit: Limit) -> str:
    """`500.00 USD a month`."""
    every = {"monthly": " a month", "weekly": " a week", "daily": " a day"}.get(limit.period, "")
    return f"{_money(limit.amount, limit.currency)}{every}"


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount / 100:,.2f} {currency[:3]}"


def _age(console: Console, key: Key) -> int:
    return (console.now - key.created).days


def _word(status: str) -> str:
    return status if status in {"inactive", "archived", "expired"} else "not active"


SPEND_LIMIT = Check(
    id="TG601",
    title="The Console has a spend limit",
    severity="high",
    confidence="high",
    evidence="live",
    scope="project",
    look=limited,
    bad="no limit under Settings, Limits",
    good="ANTHROPIC_ADMIN_KEY=… tidegate check --profile live\n"
    'tidegate check --attest TG601 --by Ada --note "500 USD a month, seen in the Console"',
)
CHECKS = (
    Check(
        id="TG120",
        title="The program's key is one for production",
        severity="medium",
        confidence="medium",
        evidence="live",
        scope="project",
        look=own,
        bad='a key called "laptop" in the default workspace, without an expiry',
        good='a key called "chat production" in the workspace "Production", renewed twice a year',
    ),
    Check(
        id="TG121",
        title="No key lies about forgotten",
        severity="low",
        confidence="medium",
        evidence="live",
        scope="project",
        look=forgotten,
        bad="twelve active keys, three of them used",
        good="unused keys deleted, the others with an expiry",
    ),
    Check(
        id="TG603",
        title="This month's cost stays below the limit",
        severity="medium",
        confidence="high",
        evidence="live",
        scope="project",
        look=spent,
        bad="498 of 500 USD on the 20th",
        good="120 of 500 USD on the 20th",
    ),
)
