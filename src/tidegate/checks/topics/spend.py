"""Point 6: money has a hard stop, in the Console and, where tidegate is used, before it."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.project import Project
from tidegate.checks.topics.account import SPEND_LIMIT
from tidegate.checks.verdict import Verdict, passed, skipped, unknown, warned


def budget(project: Project) -> Iterator[Verdict]:
    """A budget of tidegate stops before the request is sent, per user, route or month, and refuses in friendly words;
    the Console's limit stops everything at once.
    """
    through = project.through
    if not through.used:
        yield skipped("tidegate is not used here")
    elif through.settings is None:
        yield unknown(f"tidegate.toml cannot be read: {through.error}", supply="a configuration without errors")
    elif "budgets" in through.overridden:
        yield unknown("budgets are given to tidegate.guard() in code", supply="[[budgets]] in tidegate.toml")
    elif through.settings.rules.budgets:
        yield passed(f"tidegate keeps {len(through.settings.rules.budgets)} budget(s)", "config")
    else:
        yield warned(
            None, "tidegate has no budget: nothing here bounds the bill.", fix="Add [[budgets]] to tidegate.toml."
        )


CHECKS = (
    SPEND_LIMIT,
    Check(
        id="TG602",
        title="tidegate has a budget",
        severity="low",
        confidence="high",
        evidence="config",
        scope="project",
        look=budget,
        bad="# tidegate.toml without [[budgets]]",
        good='[[budgets]]\nper = "organization"\namount = "500 USD"\nevery = "month"',
    ),
)
