"""Every kind of upstream can be made."""

import pytest

from tidegate.upstreams.table import UPSTREAMS


@pytest.mark.parametrize("kind", sorted(UPSTREAMS))
def test_every_kind_can_be_made(kind: str) -> None:
    assert UPSTREAMS[kind](name="one", url="http://127.0.0.1:1", key=lambda: "k").name == "one"
