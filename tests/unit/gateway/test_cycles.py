"""A request of a connection, in what no whole gateway shows."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.doors.gateway.cycles import Cycle


def test_a_bug_is_told_by_its_name_alone(caplog: pytest.LogCaptureFixture) -> None:
    cycle: Any = Cycle.__new__(Cycle)
    cycle.connection = SimpleNamespace(logger=logging.getLogger("tidegate.test"))
    try:
        int("what the user has said")
    except ValueError as error:
        cycle.failed(error)
    assert [record.getMessage() for record in caplog.records] == ["a request failed: ValueError"]
    assert "what the user has said" not in caplog.text
