"""Nothing shows a hidden text by accident."""

import copy
import pickle
from collections.abc import Callable

import msgspec
import pytest

from tidegate.config.hidden import Hidden, HiddenEnvironment, without_password
from tidegate.config.settings import LedgerSettings, Settings, StoreSettings

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "value", [Hidden(SECRET), HiddenEnvironment({"A": SECRET}), Settings(admin_token=Hidden(SECRET))]
)
def test_no_way_shows_it(value: object) -> None:
    assert SECRET not in f"{value!r} {value}"
    for dump in (pickle.dumps, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            dump(value)


def test_only_reveal_gives_it() -> None:
    assert Hidden(SECRET).reveal() == SECRET
    assert f"{Hidden(SECRET):>40}" == "Hidden(***)"
    environ = HiddenEnvironment({"A": SECRET})
    assert environ["A"] == SECRET
    assert dict(environ) == {"A": SECRET}
    assert repr(environ) == "HiddenEnvironment(1 variables)"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@host:6379/0", "redis://***@host:6379/0"),
        ("postgresql://me:pw@host/db", "postgresql://***@host/db"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("https://host/p@th", "https://host/p@th"),
    ],
)
def test_passwords_in_urls(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize("make", [StoreSettings, LedgerSettings])
def test_settings_show_no_password(make: Callable[..., object]) -> None:
    assert "pw" not in repr(make(url="redis://:pw@host"))
