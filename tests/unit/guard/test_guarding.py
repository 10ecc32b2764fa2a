"""Bad use is answered at once, with one clear line; and what the arguments mean."""

import asyncio
import logging
import os
import re
import stat
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from tidegate.doors.guard.engine import REGISTRY
from tidegate.model.errors import ConfigError
from unit.guard.scripted import HELLO, Scripted, bare, bare_async, charges, guarded, rows, running


class OpenAI:
    """A client of somebody else."""


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (httpx2.Client, "takes a client of the anthropic SDK, not its HTTP client"),
        (httpx2.AsyncClient, "not its HTTP client"),
        (OpenAI, "takes an Anthropic or AsyncAnthropic client, not OpenAI"),
        (lambda: None, "not NoneType"),
        (lambda: anthropic.Anthropic, "not the class Anthropic"),
        (lambda: bare(Scripted()).messages, "not Messages"),
        (lambda: "sk-ant-1", "not str"),
    ],
)
def test_what_is_no_client(client: Any, said: str) -> None:
    with pytest.raises(TypeError, match=re.escape(said)):
        tidegate.guard(client())
    assert not REGISTRY.engines


@pytest.mark.parametrize(
    "client",
    [
        lambda: anthropic.AnthropicBedrock(aws_region="eu-west-1", aws_access_key="a", aws_secret_key="b"),
        lambda: anthropic.AsyncAnthropicBedrock(aws_region="eu-west-1", aws_access_key="a", aws_secret_key="b"),
        lambda: anthropic.AnthropicBedrockMantle(aws_region="eu-west-1", api_key="k"),
        lambda: anthropic.AnthropicVertex(region="europe-west1", project_id="p", access_token="t"),
        lambda: anthropic.AsyncAnthropicVertex(region="europe-west1", project_id="p", access_token="t"),
    ],
)
def test_platforms_with_another_wire(client: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be guarded yet: its requests are not those of Anthropic's own API"):
        tidegate.guard(client())


def test_a_client_that_signs() -> None:
    client = anthropic.AnthropicAWS(aws_region="eu-west-1", aws_access_key="a", aws_secret_key="b", workspace_id="w")
    with pytest.raises(ConfigError, match="signs its requests"):
        tidegate.guard(client)


@pytest.mark.parametrize(
    "client",
    [
        lambda http: anthropic.AnthropicFoundry(api_key="k", resource="r", http_client=http),
        lambda http: anthropic.AnthropicAWS(aws_region="eu-west-1", api_key="k", workspace_id="w", http_client=http),
        lambda http: anthropic.AnthropicGoogleCloud(
            project="p", location="global", workspace_id="w", token_provider=lambda: "t", http_client=http
        ),
    ],
)
def test_platforms_with_anthropics_wire(client: Any) -> None:
    inner = Scripted()
    found = tidegate.guard(client(anthropic.DefaultHttpxClient(transport=inner)))
    found.messages.create(**HELLO)
    assert inner.requests[0].url.path.endswith("/v1/messages")
    assert charges()[0][:2] == ("ok", "actual")


def test_an_old_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    client = bare(Scripted())
    monkeypatch.setattr(anthropic, "__version__", "0.84.0")
    with pytest.raises(ConfigError, match=r"anthropic 0\.84\.0 is installed; tidegate\.guard\(\) needs version 2"):
        tidegate.guard(client)


def test_a_closed_client() -> None:
    client = bare(Scripted())
    client.close()
    with pytest.raises(ConfigError, match="this client is closed"):
        tidegate.guard(client)


@pytest.mark.parametrize("make", [bare, bare_async])
def test_two_guards(make: Any) -> None:
    client = tidegate.guard(make(Scripted()))
    with pytest.raises(ConfigError, match="guarded already"):
        tidegate.guard(client)
    with pytest.raises(ConfigError, match="guarded already"):
        tidegate.guard(client.with_options(max_retries=1), app="other")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"limit": [{"per": "user", "requests": "1/minute"}]}, "did you mean [[limits]]?"),
        ({"budgets": [{"per": "user", "amout": "1 USD", "every": "day"}]}, 'did you mean "amount"?'),
        ({"limits": [{"per": "usr", "requests": "1/minute"}]}, 'did you mean "user"?'),
        ({"policy": {"bounds": "strict"}}, 'did you mean "bound"?'),
        ({"retry": {"attempts": 0}}, "from 1 to 20"),
        ({"limits": "20/minute"}, "must be a list of tables"),
        ({"limits": {"per": "user", "requests": "1/minute"}}, "limits = must be a list of tables, such as limits=[{"),
        ({"gateway": {"port": 1}}, "is the gateway's"),
        ({"upstreams": {"anthropic": {"url": "http://x"}}}, "is the gateway's"),
        ({"app": ""}, "app = must be a name"),
        ({"app": None}, "app = must be a name"),
        ({"app": "a b"}, "app = must be a name"),
        ({"user_from": "header"}, 'user_from = must be "metadata"'),
        ({"store": {"url": "redis://localhost"}}, "is not built yet"),
        ({"config": "none.toml"}, "there is no file none.toml"),
        ({"texts": "none.toml"}, "cannot be read: No such file"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        tidegate.guard(bare(Scripted()), **settings)
    assert not REGISTRY.engines


def test_a_folder_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="cannot be opened: does its folder exist"):
        tidegate.guard(bare(Scripted()), ledger={"url": "sqlite:////nowhere/at/all/tidegate.db"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written(folder: Path) -> None:
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(ConfigError, match="may this user write there"):
            tidegate.guard(bare(Scripted()))
    finally:
        folder.chmod(stat.S_IRWXU)


def test_a_file_that_is_no_database(folder: Path) -> None:
    (folder / "tidegate.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ConfigError, match="is not a SQLite database"):
        tidegate.guard(bare(Scripted()))


def test_without_configuration(caplog: pytest.LogCaptureFixture) -> None:
    client = tidegate.guard(bare(Scripted()))
    tidegate.guard(bare(Scripted()))
    said = [record.getMessage() for record in caplog.records if "built-in defaults" in record.getMessage()]
    assert len(said) == 1
    assert "20 requests a minute" in said[0]
    assert "NO BUDGET" in said[0]
    for _ in range(20):
        client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)
    with tidegate.caller(user="u-2"):
        client.messages.create(**HELLO)
    assert Path("tidegate.db").exists()
    assert len(charges()) == 21


def test_the_file_is_the_gateways(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "tidegate.toml").write_text(
        '[gateway]\nport = 1\n[upstreams.anthropic]\nurl = "http://x"\n'
        '[[limits]]\nper = "user"\nrequests = "1/minute"\n'
    )
    client = tidegate.guard(bare(Scripted()), config="etc/tidegate.toml")
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)
    assert rows("SELECT count(*) FROM charges", "etc/tidegate.db") == [(1,)]


def test_settings_stand_over_the_file(folder: Path) -> None:
    (folder / "tidegate.toml").write_text('[[limits]]\nper = "user"\nrequests = "1/minute"\n')
    client = tidegate.guard(bare(Scripted()), limits=[{"per": "user", "requests": "2/minute"}])
    client.messages.create(**HELLO)
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_LIMITS", '[{ per = "user", requests = "1/minute" }]')
    client = tidegate.guard(bare(Scripted()))
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)


def test_equal_settings_share_an_engine_others_do_not() -> None:
    guarded(Scripted())
    guarded(Scripted(), app="other", user_from="metadata")
    assert len(REGISTRY.engines) == 1
    guarded(Scripted(), limits=[])
    assert len(REGISTRY.engines) == 2


def test_threads_and_loops_share_limits() -> None:
    limit = [{"per": "user", "requests": "2/minute"}]
    client = guarded(Scripted(), limits=limit)
    awaited = tidegate.guard(bare_async(Scripted()), limits=limit, retry={"attempts": 3, "base": "1ms", "cap": "1ms"})
    client.messages.create(**HELLO)
    asyncio.run(awaited.messages.create(**HELLO))
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)


def test_memory() -> None:
    client = guarded(Scripted(), store={"url": "memory://"}, limits=[{"per": "user", "requests": "1/minute"}])
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**HELLO)
    assert charges()[0][0] == "ok"


def test_own_words(folder: Path) -> None:
    (folder / "de.toml").write_text(
        'rate_limited = "Bitte in {retry_after} noch einmal."\n[title]\nrate_limited = "Moment"\n'
    )
    client = guarded(Scripted(), texts="de.toml", limits=[{"per": "user", "requests": "1/minute"}])
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**HELLO)
    assert "Bitte in " in str(caught.value)
    found = tidegate.friendly(caught.value)
    assert found.title == "Moment"
    assert found.text.startswith("Bitte in ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('budget_spend = "x"', 'there is no text "budget_spend"; did you mean "budget_spent"?'),
        ('[title]\nrate_limit = "x"', 'did you mean "title.rate_limited"?'),
        ('[scopes]\nuser = "x"', 'did you mean "scope.user"?'),
        ('zzzzzzzzzz = "x"', 'there is no text "zzzzzzzzzz"'),
    ],
)
def test_own_words_for_nothing(folder: Path, text: str, said: str) -> None:
    (folder / "de.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        tidegate.guard(bare(Scripted()), texts="de.toml")


@pytest.mark.parametrize("text", ["nonsense", 'rate_limited = ""', 'rate_limited = "{nobody}"'])
def test_own_words_that_are_none(folder: Path, text: str) -> None:
    (folder / "de.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"texts = '.*de\.toml'"):
        tidegate.guard(bare(Scripted()), texts="de.toml")


def test_own_words_of_the_settings(folder: Path) -> None:
    """As at the gateway; those that `guard` is given win."""
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text(f'rate_limited = "{name}: {{retry_after}}"')
    limits = [{"per": "user", "requests": "1/hour"}]
    client = tidegate.guard(bare(Scripted()), limits=limits, **{"texts.file": "a.toml"})  # type: ignore[arg-type]  # a dotted name
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError, match="a: 60 minutes"):
        client.messages.create(**HELLO)


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = guarded(Scripted(), app="web")
    with caplog.at_level(logging.INFO, "tidegate"), tidegate.caller(user="u-1", route="chat"):
        client.messages.create(**HELLO)
    (record,) = [record for record in caplog.records if record.getMessage().startswith("claude_call_success")]
    assert " app=web user_id=u-1 route=chat " in record.getMessage()
    fields = record.tidegate  # type: ignore[attr-defined]  # our own attribute
    assert fields["event"] == "claude_call_success"
    assert (fields["cost"], fields["exactness"], fields["output_tokens"]) == (45_000, "actual", 7)
    assert "hello" not in caplog.text
    assert not logging.getLogger("tidegate").handlers


def test_nothing_is_logged_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    client = guarded(Scripted())
    with caplog.at_level(logging.CRITICAL, "tidegate"):
        client.messages.create(**HELLO)
    assert caplog.records == [] or {record.levelno for record in caplog.records} <= {logging.WARNING}
    assert running().books.open_holds == 0
