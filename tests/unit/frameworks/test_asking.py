"""From what an application says to a caller."""

from uuid import UUID

import pytest

import tidegate
from tidegate.doors.guard.caller import current
from tidegate.frameworks.asking import acting


@pytest.mark.parametrize(
    ("user", "route", "expected"),
    [
        ("u-1", "chat", ("u-1", "chat")),
        (7, None, ("7", "around")),
        (UUID(int=1), "", ("00000000-0000-0000-0000-000000000001", "around")),
        (None, None, ("around", "around")),
        ("", "  ", ("around", "around")),
        (0, None, ("0", "around")),
    ],
)
def test_who(user: object, route: object, expected: tuple[str, str]) -> None:
    with tidegate.caller(user="around", route="around"):
        with acting(user, route):
            assert tuple(current()) == expected
        assert tuple(current()) == ("around", "around")
