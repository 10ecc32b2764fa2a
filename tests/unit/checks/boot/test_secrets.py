import pytest

from tidegate.checks.boot.secrets import look
from tidegate.config.hidden import Hidden
from tidegate.config.settings import Settings

ONE, TWO = "8f14e45fceea167a5a36dedd4bea2543ab", "c9f0f895fb98ab9159f51fd0297e236dcd"


def said(key: str | None, token: str | None) -> list[str]:
    settings = Settings(
        key_secret=Hidden(key) if key is not None else None, admin_token=Hidden(token) if token is not None else None
    )
    found = look(settings)
    assert not any(secret in one.text for one in found for secret in (key, token) if secret)
    return [one.state.value for one in found]


@pytest.mark.parametrize(
    ("key", "token", "states"),
    [
        (ONE, TWO, ["pass"]),
        (None, TWO, ["fail"]),
        (ONE, None, ["warn"]),
        (ONE, ONE, ["fail"]),
        ("a" * 40, TWO, ["fail"]),
        (ONE, "changeme-changeme-changeme-changeme", ["fail"]),
    ],
)
def test_secrets(key: str | None, token: str | None, states: list[str]) -> None:
    assert said(key, token) == states
