"""What a start says aloud."""

from pathlib import Path

from tidegate.config.files import ConfigFile, EnvFile
from tidegate.config.notices import about_env_file, about_rules, about_upstreams
from tidegate.config.settings import DEFAULT_LIMITS, UpstreamSettings
from tidegate.policy.rules import Budget, Limit, Rules

FILE = ConfigFile(Path("/x/t.toml"), "t.toml")


def test_rules() -> None:
    assert about_rules(FILE, Rules(limits=DEFAULT_LIMITS)) == []
    assert about_rules(FILE, Rules()) == ["t.toml has no [[limits]]: nothing limits how often anyone calls Claude."]
    budget = Budget(per=("organization",), amount=1, every="day")
    (line,) = about_rules(None, Rules(limits=DEFAULT_LIMITS, budgets=(budget,)))
    assert "20 requests a minute. `tidegate init`" in line
    (line,) = about_rules(None, Rules())
    assert "nothing limits how often anyone calls, and there is NO BUDGET" in line
    assert "defaults" not in line


def test_what_was_set_without_a_file_is_not_called_a_default() -> None:
    limit = Limit(per=("user",), counts="requests", amount=5, window=60_000_000)
    budget = Budget(per=("organization",), amount=1, every="day")
    assert about_rules(None, Rules(limits=(limit,), budgets=(budget,))) == []
    (line,) = about_rules(None, Rules(limits=(limit,)))
    assert line.startswith(
        "No tidegate.toml here, so there is NO BUDGET: nothing bounds what is spent. `tidegate init`"
    )


def test_env_files_are_counted_without_values() -> None:
    values = {"PORT": "v1", "TIDEGATE_STORE_URL": "v2", "ANTHROPIC_API_KEY": "", "OTHER": "v3"}
    found = EnvFile(".env", values, {})
    assert about_env_file(found, {}) == ["2 settings read from .env; the environment wins over it."]
    assert about_env_file(found, {"PORT": "1"}) == ["1 setting read from .env; the environment wins over it."]
    assert about_env_file(found, {"PORT": "1", "TIDEGATE_STORE_URL": "x"}) == []


def test_upstreams() -> None:
    assert (
        about_upstreams((UpstreamSettings(name="a", url="https://a"), UpstreamSettings(name="b", url="http://[::1]")))
        == []
    )
    assert len(about_upstreams((UpstreamSettings(name="a", url="http://a"),))) == 1
