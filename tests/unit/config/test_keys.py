"""The table of keys and the values that it fills name the same things."""

from collections.abc import Mapping

import msgspec.structs
import pytest

from tidegate.config.keys import ALL, LISTS, NAMED, QUANTITIES, SECTIONS, Key, Table
from tidegate.config.settings import (
    GatewaySettings,
    LedgerSettings,
    PriceOverride,
    Settings,
    StoreSettings,
    UpstreamSettings,
    WhenDown,
)
from tidegate.policy.rules import Breaker, Budget, Limit, Retry, Route, Rules, Timeouts

NOT_A_KEY = {UpstreamSettings: {"name"}, Route: {"name"}, Limit: {"counts", "amount", "window"}}
OTHERWISE = {"limits", "budgets", "routes", "retry", "breaker", "timeouts"}
"""Fields of Rules that have a section of their own."""


@pytest.mark.parametrize(
    ("keys", "struct"),
    [
        (SECTIONS["gateway"], GatewaySettings),
        (SECTIONS["store"], StoreSettings),
        (SECTIONS["ledger"], LedgerSettings),
        (SECTIONS["retry"], Retry),
        (SECTIONS["breaker"], Breaker),
        (SECTIONS["timeouts"], Timeouts),
        (NAMED["upstreams"], UpstreamSettings),
        (NAMED["routes"], Route),
        (NAMED["prices"], PriceOverride),
        (LISTS["budgets"], Budget),
        ({name: key for name, key in LISTS["limits"].items() if name not in QUANTITIES}, Limit),
    ],
)
def test_keys_are_the_fields(keys: Mapping[str, object], struct: type[msgspec.Struct]) -> None:
    fields = {field.name for field in msgspec.structs.fields(struct)}
    assert set(keys) == fields - NOT_A_KEY.get(struct, set())


def test_the_other_tables_are_the_fields_too() -> None:
    rules = {field.name for field in msgspec.structs.fields(Rules)}
    assert set(SECTIONS["policy"]) == rules - OTHERWISE
    assert {*ALL} >= OTHERWISE
    when_down = SECTIONS["store"]["when_down"]
    assert isinstance(when_down, Table)
    assert set(when_down.keys) == {field.name for field in msgspec.structs.fields(WhenDown)}
    settings = {field.name for field in msgspec.structs.fields(Settings)}
    assert {"gateway", "upstreams", "store", "ledger", "rules", "prices"} <= settings


def test_every_example_fits() -> None:
    tables = [*SECTIONS.values(), *NAMED.values(), *LISTS.values()]
    for name, key in [one for table in tables for one in table.items()]:
        inner = key.keys if isinstance(key, Table) else {name: key}
        for one in inner.values():
            assert isinstance(one, Key)
            one.parse(msgspec.toml.decode(f"v = {one.example}")["v"])
