"""Limits, budgets, routes and times out of their tables."""

from collections.abc import Callable

import pytest

from tidegate.config.settings import Settings
from tidegate.policy.rules import Breaker, Budget, Limit, Retry, Route, Rules, Timeouts

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]

MINUTE = 60_000_000
QUANTITIES = "requests, input_tokens, output_tokens, tokens, concurrent"


def test_one_table_gives_a_limit_for_each_quantity(load_text: Load) -> None:
    text = """
        [[limits]]
        concurrent = 4
        per = ["user", "app"]
        where = { user = ["b", "a"], app = "chat" }
        requests = "20/minute"
        [[limits]]
        per = "organization"
        tokens = "5/10s"
    """
    where = (("app", ("chat",)), ("user", ("a", "b")))
    assert load_text(text).rules.limits == (
        Limit(per=("app", "user"), where=where, counts="requests", amount=20, window=MINUTE),  # type: ignore[arg-type]  # literals
        Limit(per=("app", "user"), where=where, counts="concurrent", amount=4),  # type: ignore[arg-type]  # as above
        Limit(per=("organization",), counts="tokens", amount=5, window=10_000_000),
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('requests = "1/day"', ['1: [[limits]] needs "per"; for example per = "user"']),
        (
            'per = "user"',
            [f'1: [[limits]] limits nothing; give at least one of {QUANTITIES}; for example requests = "20/minute"'],
        ),
        (
            "",
            [
                f'1: [[limits]] limits nothing; give at least one of {QUANTITIES}; for example requests = "20/minute"',
                '1: [[limits]] needs "per"; for example per = "user"',
            ],
        ),
        (
            'per = "user"\nrequests = "1/day"\n[[limits]]\nper = ["user"]\nrequests = "9/24h"',
            ['4: [[limits]] repeats "requests" in the same window for the same calls as tidegate.toml:1; keep one'],
        ),
    ],
)
def test_limits_that_mean_nothing(text: str, lines: list[str], wrong: Wrong) -> None:
    assert wrong(f"[[limits]]\n{text}") == [f"tidegate.toml:{line}" for line in lines]


def test_limits_that_differ_only_a_little_are_all_kept(load_text: Load) -> None:
    text = """
        limits = [
            { per = "user", requests = "1/minute" }, { per = "user", requests = "9/hour" },
            { per = "user", tokens = "1/minute" }, { per = "app", requests = "1/minute" },
            { per = "user", requests = "1/minute", where = { app = "chat" } },
        ]
    """
    assert len(load_text(text).rules.limits) == 5


def test_budgets(load_text: Load) -> None:
    text = """
        [[budgets]]
        per = "organization"
        amount = "500 USD"
        every = "month"
        alert_at = [95, 50]
        [[budgets]]
        per = ["model", "user"]
        where = { route = "chat" }
        amount = 0.05
        every = "day"
    """
    assert load_text(text).rules.budgets == (
        Budget(per=("organization",), amount=500 * 10**9, every="month", alert_at=(50, 95)),
        Budget(per=("user", "model"), where=(("route", ("chat",)),), amount=5 * 10**7, every="day"),
    )


def test_budgets_that_mean_nothing(wrong: Wrong) -> None:
    assert wrong("[[budgets]]") == [
        'tidegate.toml:1: [[budgets]] needs "per"; for example per = "organization"',
        'tidegate.toml:1: [[budgets]] needs "amount"; for example amount = "500 USD"',
        'tidegate.toml:1: [[budgets]] needs "every"; for example every = "month"',
    ]
    one = '[[budgets]]\nper = "user"\nevery = "day"\namount = '
    assert wrong(f"{one}1\n{one}2\n") == [
        'tidegate.toml:5: [[budgets]] repeats every = "day" for the same calls as tidegate.toml:1; keep one'
    ]


def test_routes(load_text: Load) -> None:
    text = """
        [upstreams.anthropic]
        [upstreams.bedrock]
        url = "https://bedrock.example.com"
        [routes.summarise]
        max_tokens = 512
        when_above = "refuse"
        models = ["claude-haiku-4-5", "claude-sonnet-5"]
        fallback = ["upstream:bedrock", "model:claude-haiku-4-5", "static:Sorry: later, please."]
        bound = "strict"
        unbounded = "refuse"
        on_cut = "drain"
        [routes.default]
    """
    routes = load_text(text).rules.routes
    assert routes["default"] == Route(name="default")
    assert routes["summarise"] == Route(
        name="summarise",
        max_tokens=512,
        when_above="refuse",
        models=("claude-haiku-4-5", "claude-sonnet-5"),
        fallback=("upstream:bedrock", "model:claude-haiku-4-5", "static:Sorry: later, please."),
        bound="strict",
        unbounded="refuse",
        on_cut="drain",
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("upstream:anthropc", 'names the upstream "anthropc", which is not declared; did you mean "anthropic"?'),
        ("upstream:x", 'names the upstream "x", which is not declared; declared are anthropic'),
        ("modl:x", 'has "modl:x"; each entry is "upstream:NAME", "model:ID" or "static:TEXT"'),
        ("model:", 'has "model:"; each entry is "upstream:NAME", "model:ID" or "static:TEXT"'),
        ("model:a b", 'has "model:a b"; each entry is "upstream:NAME", "model:ID" or "static:TEXT"'),
        ("static: ", 'has "static: "; each entry is "upstream:NAME", "model:ID" or "static:TEXT"'),
    ],
)
def test_fallbacks_that_lead_nowhere(entry: str, words: str, wrong: Wrong) -> None:
    assert wrong(f'[routes.a]\nfallback = "{entry}"') == [f'tidegate.toml:2: "fallback" in [routes.a] {words}']


def test_everything_else_is_merged_into_the_rules(load_text: Load) -> None:
    text = """
        [policy]
        bound = "strict"
        unbounded = "refuse"
        unknown_model = "dearest"
        on_cut = "drain"
        require_user = true
        [retry]
        attempts = 2
        base = "100ms"
        cap = 3
        deadline = "20s"
        budget = 0.5
        [breaker]
        open_above = 1
        window = "1m"
        probe_after = 2
        [timeouts]
        connect = 1
        first_byte = 2
        idle = 3
        total = 40
    """
    assert load_text(text).rules == Rules(
        bound="strict",
        unbounded="refuse",
        unknown_model="dearest",
        on_cut="drain",
        require_user=True,
        retry=Retry(attempts=2, base=0.1, cap=3.0, deadline=20.0, budget=0.5),
        breaker=Breaker(open_above=1.0, window=60.0, probe_after=2.0),
        timeouts=Timeouts(connect=1.0, first_byte=2.0, idle=3.0, total=40.0),
    )


def test_what_is_longer_than_the_total_counts_as_the_total(load_text: Load) -> None:
    settings = load_text('[timeouts]\ntotal = "4s"\nidle = 9\n[retry]\ndeadline = "1m"')
    assert settings.rules.timeouts == Timeouts(connect=4.0, first_byte=4.0, idle=4.0, total=4.0)
    assert settings.rules.retry.deadline == 4.0
    assert settings.notices[1:] == (
        '"deadline" in [retry] (60 s) is longer than "total" in [timeouts]; it counts as 4 s.',
        '"idle" in [timeouts] (9 s) is longer than "total" in [timeouts]; it counts as 4 s.',
    )


# -- where


def test_names_that_are_no_plain_labels_can_be_selected(load_text: Load) -> None:
    """Users and routes are whatever the application calls them; an app is named by its key, which takes labels only."""
    text = '[[budgets]]\nper = "user"\namount = 1\nevery = "day"\n'
    text += 'where = { user = "bob+test@example.com", route = "my route" }'
    assert load_text(text).rules.budgets[0].where == (("route", ("my route",)), ("user", ("bob+test@example.com",)))


def test_an_app_that_no_key_can_have(wrong: Wrong) -> None:
    (line,) = wrong('[[limits]]\nper = "user"\nrequests = "1/day"\nwhere = { app = "a,b" }')
    assert line == (
        'tidegate.toml:4: "app" in "where" in [[limits]] must be a name, or a list of names, of at most 128 letters, '
        'digits and . _ : @ / -, not "a,b"; for example app = ["chat", "search"]'
    )


@pytest.mark.parametrize(
    "name",
    [
        "claude-haiku-4-5",
        "claude-haiku-4-5-20251001",
        "claude-haiku-4-5-latest",
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "claude-sonnet-4-5[1m]",
        "mine",
    ],
)
def test_a_model_can_be_selected_by_any_name_that_has_a_price(name: str, load_text: Load) -> None:
    text = '[[budgets]]\nper = "model"\namount = 1\nevery = "day"\n[prices.mine]\ninput = 1\noutput = 2'
    found = load_text(text.replace("[prices", f'where = {{ model = "{name}" }}\n[prices'))
    assert found.rules.budgets[0].where == (("model", (name,)),), "as it was written"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("claude-haiku-4.5", 'did you mean "claude-haiku-4-5"?'),
        ("claude-sonet-5", 'did you mean "claude-sonnet-5"?'),
        ("gpt-4o", 'give it one in [prices."gpt-4o"]'),
    ],
)
@pytest.mark.parametrize("unknown", ["refuse", "dearest"])
def test_a_model_without_a_price_cannot_be_selected(name: str, hint: str, unknown: str, wrong: Wrong) -> None:
    text = f"""[policy]
unknown_model = "{unknown}"
[[limits]]
per = "user"
requests = "1/day"
where = {{ model = ["claude-haiku-4-5", "{name}"] }}
"""
    (line,) = wrong(text)
    assert line == (
        f'tidegate.toml:6: "model" in "where" in [[limits]] names "{name}", which has no price, so no call counts as '
        f"one to it; {hint}"
    )


def test_what_models_without_a_price_count_as_can_be_selected(load_text: Load, wrong: Wrong) -> None:
    text = '[[budgets]]\nper = "model"\namount = 1\nevery = "day"\nwhere = { model = "dearest" }\n'
    load_text(f'{text}[policy]\nunknown_model = "dearest"')
    (line,) = wrong(text)
    assert 'names "dearest", which has no price' in line


def test_such_a_model_in_a_variable(wrong: Wrong) -> None:
    limits = '[{per="user", requests="1/day", where={model="claude-haiku-4.5"}}]'
    (line,) = wrong("", {"TIDEGATE_LIMITS": limits})
    assert line == (
        'TIDEGATE_LIMITS: "model" in "where" in [[limits]] names "claude-haiku-4.5", which has no price, so no call '
        'counts as one to it; did you mean "claude-haiku-4-5"?'
    )


def test_a_price_that_is_wrong_itself_is_told_once(wrong: Wrong) -> None:
    text = '[[budgets]]\nper = "model"\namount = 1\nevery = "day"\nwhere = { model = "mine" }\n[prices.mine]\ninput = 1'
    assert wrong(text) == [
        'tidegate.toml:6: [prices.mine] needs "output" (USD per million tokens); for example output = 15.0'
    ]


def test_one_model_under_two_names_is_one(wrong: Wrong) -> None:
    one = '[[budgets]]\nper = "model"\namount = 1\nevery = "day"\nwhere = { model = "%s" }\n'
    assert wrong(one % "claude-haiku-4-5" + one % "claude-haiku-4-5-20251001") == [
        'tidegate.toml:6: [[budgets]] repeats every = "day" for the same calls as tidegate.toml:1; keep one'
    ]
