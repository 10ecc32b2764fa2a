"""Every scenario of every table, in every shape, at every door."""

import sys
from pathlib import Path

import pytest

from scenarios.differences import differences
from scenarios.scene import PATIENCE, play
from scenarios.table import Row, rows
from scenarios.workshop import Workshop


@pytest.mark.parametrize("row", rows(), ids=str)
def test_scenario(workshop: Workshop, tmp_path: Path, row: Row) -> None:
    found = compared(workshop, row, tmp_path)
    where = f"{row.family}.toml, {row.name}: {row.shape} at {row.door}"
    pending = row.scenario.pending
    if pending and found:
        sys.stdout.write("\n".join([where, *found]))
        pytest.xfail(pending)
    if pending:
        pytest.fail(f"{where} is as it should be: take its `pending` out", pytrace=False)
    if found:
        pytest.fail("\n".join([where, *found]), pytrace=False)


def compared(workshop: Workshop, row: Row, folder: Path) -> list[str]:
    """The differences; where real time matters, a slow machine gets more of it before they count."""
    found: list[str] = []
    again = row.scenario.hurry and not row.scenario.pending
    for number, patience in enumerate(PATIENCE if again else PATIENCE[:1]):
        found = differences(row, play(workshop, row, folder / str(number), patience))
        if not found:
            break
    return found
