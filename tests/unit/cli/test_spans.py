"""Points in time as people type them."""

import pytest
import typer

from tidegate.cli.spans import ago, ahead, until
from tidegate.model.times import parse_rfc3339

NOW = parse_rfc3339("2026-11-22T10:00:00Z")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("7d", "2026-11-15T10:00:00Z"),
        ("12h", "2026-11-21T22:00:00Z"),
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"),
        ("2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
    ],
)
def test_ago(text: str, at: str) -> None:
    assert ago(text, NOW, "--since") == parse_rfc3339(at)


def test_until_a_day_means_its_end() -> None:
    assert until("2026-11-01", NOW, "--until") == parse_rfc3339("2026-11-02T00:00:00Z")
    assert until("1d", NOW, "--until") == parse_rfc3339("2026-11-21T10:00:00Z")


def test_ahead() -> None:
    assert ahead("30d", NOW, "--expires") == parse_rfc3339("2026-12-22T10:00:00Z")
    assert ahead("2027-01-01", NOW, "--expires") == parse_rfc3339("2027-01-01T00:00:00Z")


@pytest.mark.parametrize("text", ["", "7", "d", "7x", "-7d", "2026-13-01", "2026-11-1", "99999999d", "20261101", "T"])
def test_nonsense(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        ago(text, NOW, "--since")
