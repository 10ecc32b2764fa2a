"""Settings by variables: every key has one, every other name is refused with the nearest."""
# ruff: noqa: E501, ISC004 - messages stand here as people read them, in one piece where that helps

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tidegate.config import environment
from tidegate.config.keys import LISTS, NAMED, SECTIONS, Key, Table
from tidegate.config.settings import Settings
from tidegate.policy.rules import Limit

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]


def keys(path: tuple[str, ...], table: Mapping[str, Key | Table]) -> Iterator[tuple[tuple[str, ...], Key]]:
    for name, key in table.items():
        if isinstance(key, Table):
            yield from keys((*path, name), key.keys)
        else:
            yield (*path, name), key


EVERY = [
    *(one for section, table in SECTIONS.items() for one in keys((section,), table)),
    *(one for section, table in NAMED.items() for one in keys((section, "my-name"), table)),
]


def at(tree: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


@pytest.mark.parametrize(("path", "key"), EVERY, ids=lambda one: ".".join(one) if isinstance(one, tuple) else "")
def test_every_key_has_a_variable(path: tuple[str, ...], key: Key) -> None:
    name = environment.variable(path)
    assert name.startswith("TIDEGATE_")
    assert name.isupper()
    tree: dict[str, Any] = {section: {"my-name": {}} for section in NAMED}
    known, unknown = environment.assignments({name: key.example.strip('"')}, tree)
    assert not unknown
    (one,) = known
    assert one.path == path
    key.parse(one.value)


def test_no_two_keys_have_the_same_variable() -> None:
    names = [environment.variable(path) for path, _ in EVERY]
    assert len(set(names)) == len(names)
    assert not set(names) & environment.OWN


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("TIDEGATE_GATEWAY_PORT", "1", ("gateway", "port"), 1),
        ("TIDEGATE_STORE_URL", "memory://", ("store", "url"), "memory://"),
        ("TIDEGATE_POLICY_BOUND", "strict", ("policy", "bound"), "strict"),
        ("TIDEGATE_POLICY_REQUIRE_USER", "True", ("policy", "require_user"), True),
        ("TIDEGATE_RETRY_ATTEMPTS", "3", ("retry", "attempts"), 3),
        ("TIDEGATE_TIMEOUTS_TOTAL", "30", ("timeouts", "total"), "30"),
        ("TIDEGATE_STORE_WHEN_DOWN_BUDGETS", "open", ("store", "when_down", "budgets"), "open"),
        ("TIDEGATE_STORE_WHEN_DOWN", '{ budgets = "open" }', ("store", "when_down"), {"budgets": "open"}),
        ("TIDEGATE_UPSTREAMS_ANTHROPIC_URL", "http://x", ("upstreams", "anthropic", "url"), "http://x"),
        ("TIDEGATE_ROUTES_MY_CHAT_MAX_TOKENS", "9", ("routes", "my-chat", "max_tokens"), 9),
        ("TIDEGATE_ROUTES_MY_CHAT_MODELS", "a, b", ("routes", "my-chat", "models"), ["a", "b"]),
        ("TIDEGATE_ROUTES_MY_CHAT_MODELS", '["a"]', ("routes", "my-chat", "models"), ["a"]),
        ("TIDEGATE_ROUTES_MY_CHAT_FALLBACK", "static:Later", ("routes", "my-chat", "fallback"), ["static:Later"]),
        ("TIDEGATE_GATEWAY_PORT", "1\n[store]", ("gateway", "port"), "1\n[store]"),
        ("TIDEGATE_GATEWAY_PORT", "1\nx = 2", ("gateway", "port"), "1\nx = 2"),
        ("TIDEGATE_GATEWAY_PORT", "x", ("gateway", "port"), "x"),
        ("PORT", "1", ("gateway", "port"), 1),
    ],
)
def test_assignments(name: str, text: str, path: tuple[str, ...], value: object) -> None:
    tree: dict[str, Any] = {"routes": {"my-chat": {}}}
    assert environment.assignments({name: text}, tree) == ([environment.Assignment(name, path, value)], [])


def test_lists_and_named_tables_as_a_whole(load_text: Load) -> None:
    settings = load_text(
        '[[limits]]\nper = "app"\nrequests = "1/day"\n[routes.old]\n',
        {
            "TIDEGATE_LIMITS": '[{ per = "user", requests = "20/minute" }]',
            "TIDEGATE_ROUTES": "{ chat = { max_tokens = 5 } }",
            "TIDEGATE_ROUTES_CHAT_MAX_TOKENS": "6",
            "TIDEGATE_UPSTREAMS": '{ a = { url = "http://127.0.0.1" } }',
            "TIDEGATE_UPSTREAMS_A_PRIORITY": "3",
        },
    )
    assert settings.rules.limits == (Limit(per=("user",), counts="requests", amount=20, window=60_000_000),)
    assert {name: route.max_tokens for name, route in settings.rules.routes.items()} == {"chat": 6}
    assert [(one.name, one.priority) for one in settings.upstreams] == [("a", 3)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TIDEGATE_GATEWAY_PRT", "did you mean TIDEGATE_GATEWAY_PORT?"),
        ("TIDEGATE_PORT", "did you mean TIDEGATE_GATEWAY_PORT?"),
        ("TIDEGATE_URL", "did you mean TIDEGATE_STORE_URL or TIDEGATE_LEDGER_URL?"),
        ("TIDEGATE_KEYSECRET", "did you mean TIDEGATE_KEY_SECRET?"),
        ("TIDEGATE_UPSTREAMS_ANTROPIC_URL", "did you mean TIDEGATE_UPSTREAMS_ANTHROPIC_URL?"),
        ("TIDEGATE_LIMITS_REQUESTS", "TIDEGATE_LIMITS takes the whole list as TOML"),
        ("TIDEGATE_FOO", "settings are TIDEGATE_<SECTION>_<NAME>, as TIDEGATE_GATEWAY_PORT"),
    ],
)
def test_unknown_names(name: str, words: str, wrong: Wrong) -> None:
    assert wrong(None, {name: "1"}) == [f"{name} is not a setting; {words}"]
    assert wrong(None, {name: ""}) == [f"{name} is not a setting; {words}"]
    assert wrong(None, env_file=f"A=1\n{name}=1\n") == [f".env:2: {name} is not a setting; {words}"]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("PORT", "x", 'PORT must be a whole number from 0 to 65535, not "x"; for example PORT=8787'),
        (
            "TIDEGATE_ROUTES_A_MAX_TOKENS",
            "x",
            'TIDEGATE_ROUTES_A_MAX_TOKENS must be a whole number from 1 to 1000000000, not "x"; '
            "for example TIDEGATE_ROUTES_A_MAX_TOKENS=512",
        ),
        ("TIDEGATE_POLICY_BOUND", "strikt", 'TIDEGATE_POLICY_BOUND must be "strict", "counted" or "estimated", not "strikt"; did you mean "strict"?'),
        ("TIDEGATE_STORE_URL", "redis://:hunter2@", 'TIDEGATE_STORE_URL must be "memory://", "sqlite:///relative.db", "sqlite:////absolute.db", "redis://host:6379/0", "rediss://…" or "unix:///path/redis.sock"; for example TIDEGATE_STORE_URL=sqlite:///tidegate.db'),
        ("TIDEGATE_LIMITS", "20/minute", 'TIDEGATE_LIMITS must be a list of tables; write them as [{ per = "user", … }, …]'),
        ("TIDEGATE_ROUTES", "x", "TIDEGATE_ROUTES must be a table; write it as { my-name = { … } }"),
        ("TIDEGATE_LIMITS", "[{ pr = 1 }]", 'TIDEGATE_LIMITS: unknown key "pr" in [[limits]]; did you mean "per"?'),
        ("TIDEGATE_ROUTES_A_FALLBACK", "upstream:x", 'TIDEGATE_ROUTES_A_FALLBACK names the upstream "x", which is not declared; declared are anthropic'),
        ("TIDEGATE_UPSTREAMS", "{ b = {} }", 'TIDEGATE_UPSTREAMS: [upstreams.b] needs "url"; for example url = "https://claude.internal"'),
    ],
)  # fmt: skip
def test_wrong_values_name_the_variable(name: str, text: str, line: str, wrong: Wrong) -> None:
    assert line in wrong("[routes.a]", {name: text})


def test_variables_that_kubernetes_sets_for_a_service_called_tidegate(load_text: Load) -> None:
    address = "tcp://10.0.0.1:8787"
    settings = load_text(
        None,
        {
            "TIDEGATE_SERVICE_HOST": "10.0.0.1",
            "TIDEGATE_SERVICE_PORT": "8787",
            "TIDEGATE_SERVICE_PORT_HTTP": "8787",
            "TIDEGATE_PORT": address,
            "TIDEGATE_PORT_8787_TCP": address,
            "TIDEGATE_PORT_8787_TCP_ADDR": "10.0.0.1",
            "TIDEGATE_GATEWAY_PORT": address,
            "TIDEGATE_GATEWAY_SERVICE_HOST": "10.0.0.1",
            "TIDEGATE_GATEWAY_PORT_8787_TCP_PROTO": "tcp",
        },
    )
    assert settings.gateway.port == 8787


def test_only_the_lists_as_a_whole(wrong: Wrong) -> None:
    assert set(LISTS) == {"limits", "budgets"}
    assert wrong(None, {"TIDEGATE_BUDGETS_AMOUNT": "1"}) == [
        "TIDEGATE_BUDGETS_AMOUNT is not a setting; TIDEGATE_BUDGETS takes the whole list as TOML"
    ]


def test_the_environment_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_X", "1")
    found = environment.read_environment()
    assert found["TIDEGATE_X"] == "1"
    found.clear()
    assert environment.read_environment()


@profile(deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted({environment.variable(path) for path, _ in EVERY})), st.text(max_size=20))
)
def test_any_text_is_assigned_or_left(values: dict[str, str]) -> None:
    known, _ = environment.assignments(environment.relevant(values), {})
    assert all(values[one.name] for one in known)


@profile(deadline=None)
@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.lists(st.integers(0, 9), min_size=1)))
def test_toml_values_come_through(value: object) -> None:
    text = json.dumps(value)
    form = ("TIDEGATE_BUDGETS", ("budgets",)) if isinstance(value, list) else ("PORT", ("gateway", "port"))
    known, _ = environment.assignments({form[0]: text}, {})
    assert known == [environment.Assignment(form[0], form[1], value)]
