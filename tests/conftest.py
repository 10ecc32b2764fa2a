"""What all tests share: how they start, how much hypothesis tries, and what a run has left to `make test-all`."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Hundreds of processes are started, and each would compile anew what it imports: seconds, for the SDK alone.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts what stands before `&` deaf to Ctrl-C, and so would be every process of a test that sends one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Time fails no test.  What every change must pass is the same each time; `make test-all` looks further, by chance.
_NO_HURRY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", max_examples=50, derandomize=True, database=None, **_NO_HURRY)
settings.register_profile("far", max_examples=500, print_blob=True, **_NO_HURRY)
settings.load_profile("same")

LEFT: pytest.StashKey[Counter[str]] = pytest.StashKey()
"""By file, how many tests `-m` has left out."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: while a test waits for a process of its own, another one works."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors + 1


def pytest_configure(config: pytest.Config) -> None:
    nothing: Counter[str] = Counter()
    config.stash[LEFT] = nothing


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.config.stash[LEFT][item.location[0]] += 1


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """One of several test processes tells the one that reports."""
    if hasattr(session.config, "workeroutput"):
        left = session.config.stash[LEFT]
        session.config.workeroutput["left"] = dict(left)
    yield


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All of them leave the same; one that died tells nothing."""
    if left := getattr(node, "workeroutput", {}).get("left"):
        node.config.stash[LEFT] = Counter(left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left = terminalreporter.config.stash[LEFT]
    if left:
        terminalreporter.section(f"left to make test-all: {left.total()}")
        for path, number in sorted(left.items()):
            terminalreporter.write_line(f"{number:5} {path}")
