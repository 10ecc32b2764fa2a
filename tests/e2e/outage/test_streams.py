"""Thousands of streams through one gateway (`bench/streams.py`): none mixed up, all settled, also by a shutdown."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Figures

BENCH = Path(__file__).parents[3] / "bench" / "streams.py"
WARM = 20
"""Calls that the bench makes before."""
MOST_KB = 40
"""Of memory for a stream on average, one slow client in ten; measured are about 27."""


def run(figures: Figures, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--json", *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    figures.update(found)
    return found


def nothing_is_mixed_up_or_lost(found: dict[str, Any]) -> None:
    assert found["most at once"] > found["streams"] / 2, "they did not run at the same time"
    assert found["mixed up"] == 0
    assert found["different contents"] == found["endings"].get("complete", 0), "each is like no other"
    assert found["charges"] == found["streams"] + WARM
    assert found["attempts without a charge"] == found["charges without an attempt"] == found["wrong charges"] == 0
    charged, billed = found["charged, billed, USD"]
    assert charged >= billed
    assert (found["exit code"], found["complaints"]) == (0, 0)


def all_came_to_their_end(found: dict[str, Any]) -> None:
    nothing_is_mixed_up_or_lost(found)
    stuck = found["kinds"]["stuck"]
    assert found["endings"] == {"complete": found["streams"] - stuck, "left, or cut": stuck}
    assert found["outcomes"] == {"ok": found["streams"] + WARM - stuck, "aborted": stuck}


def all_ended_in_order(found: dict[str, Any]) -> None:
    """Those who read are told; those who do not are cut off."""
    nothing_is_mixed_up_or_lost(found)
    assert found["endings"].keys() <= {"complete", "error event", "left, or cut"}
    assert found["endings of the slow"].keys() <= {"complete", "error event"}
    assert found["endings"]["error event"] > 0
    assert found["outcomes"].keys() <= {"ok", "aborted"}


def test_hundreds_of_streams(figures: Figures) -> None:
    all_came_to_their_end(run(figures, "--streams", "200", "--stuck", "2", "--seconds", "2"))


def test_a_shutdown_in_the_middle_of_hundreds(figures: Figures) -> None:
    """With time for some of them to come to their end."""
    options = ("--streams", "200", "--stuck", "2", "--seconds", "4", "--drain", "3")
    all_ended_in_order(run(figures, *options, "--terminate"))


@pytest.mark.slow
def test_five_thousand_streams(figures: Figures) -> None:
    found = run(figures, "--streams", "5000", "--seconds", "40")
    all_came_to_their_end(found)
    assert found["memory of a stream, KB"] < MOST_KB


@pytest.mark.slow
def test_a_shutdown_in_the_middle_of_five_thousand(figures: Figures) -> None:
    found = run(figures, "--streams", "5000", "--seconds", "60", "--drain", "20", "--terminate")
    all_ended_in_order(found)
