"""A key of the Claude API that is changed while the gateway runs: read once more, and nobody notices."""

import asyncio
from pathlib import Path

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import Gateway, Site, until
from e2e.money import ask
from e2e.outage.books import agree, nothing_is_left
from tidegate.testing import FakeClaude

OLD, NEW = "sk-ant-api03-old", "sk-ant-api03-new"
CONFIG = """
[upstreams.anthropic]
api_key = "file://{file}"
[policy]
bound = "strict"
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
"""


def place(new_site: NewSite, tmp_path: Path, fake: FakeClaude) -> tuple[Site, Gateway, Path]:
    """A gateway whose key stands in a file."""
    file = tmp_path / "anthropic.key"
    file.write_text(OLD + "\n")
    file.chmod(0o600)
    fake.script({"settings": {"keys": [OLD]}})
    site = new_site(CONFIG.format(file=file))
    site.may_complain = True
    return site, site.start(), file


def calls(gateway: Gateway, site: Site, number: int, path: str = "/v1/messages") -> list[Answer]:
    sent = [
        request(ask(f"Question {at}", stream=at % 2 == 0 and path == "/v1/messages"), key=site.key, path=path)
        for at in range(number)
    ]

    async def together() -> list[Answer]:
        return await asyncio.gather(*(call(gateway.port, one) for one in sent))

    return asyncio.run(together())


def test_the_new_key_is_read_when_the_old_one_is_rejected(
    new_site: NewSite, tmp_path: Path, fake_claude: FakeClaude
) -> None:
    """Twenty calls at once with the old key: all of them are repeated with the new one, none of them fails."""
    site, gateway, file = place(new_site, tmp_path, fake_claude)
    assert [answer.status for answer in calls(gateway, site, 2)] == [200, 200]
    file.write_text(NEW)
    fake_claude.script({"settings": {"keys": [NEW]}, "rules": [{"do": {"delay": 0.2}}]})
    answers = calls(gateway, site, 20)
    assert [answer.status for answer in answers] == [200] * 20
    outcomes = agree(site.charges(), fake_claude)
    assert outcomes["ok"] == 22
    assert 1 <= outcomes["upstream_error"] <= 20
    assert {charge["total_cost"] for charge in site.charges() if charge["status"] == 401} == {0}
    nothing_is_left(site)
    before = len(fake_claude.attempts())
    assert [answer.status for answer in calls(gateway, site, 3)] == [200] * 3
    assert len(fake_claude.attempts()) == before + 3, "the new key is kept"


def test_the_paths_that_cost_nothing_read_it_as_well(
    new_site: NewSite, tmp_path: Path, fake_claude: FakeClaude
) -> None:
    site, gateway, file = place(new_site, tmp_path, fake_claude)
    file.write_text(NEW)
    fake_claude.script({"settings": {"keys": [NEW]}})
    sent = request(b"", key=site.key, path="/v1/models", method="GET")
    assert asyncio.run(call(gateway.port, sent)).status == 200


def test_a_key_that_is_just_wrong_is_tried_once_and_never_shown(
    new_site: NewSite, tmp_path: Path, fake_claude: FakeClaude
) -> None:
    site, gateway, file = place(new_site, tmp_path, fake_claude)
    fake_claude.script({"settings": {"keys": [NEW]}})
    (answer,) = calls(gateway, site, 1)
    assert (answer.status, answer.reason) == (502, "upstream_key_rejected")
    assert OLD.encode() not in answer.body
    assert len(fake_claude.attempts()) == 1
    for broken in ("", "  \n", "\u00e4\u00f6\u00fc", "two\nlines", "\x00\x01"):
        file.write_text(broken)
        assert calls(gateway, site, 1)[0].status == 502
    file.unlink()
    assert calls(gateway, site, 1)[0].status == 502
    file.write_text(NEW)
    assert calls(gateway, site, 1)[0].status == 200, "what could not be read has not taken the place of a key"
    assert OLD.encode() not in site.bytes_on_disk().replace(file.read_bytes(), b"")
    assert NEW.encode() not in site.bytes_on_disk()
    agree(site.charges(), fake_claude)


def test_who_repeats_by_himself_is_told_of_once(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """An SDK whose retries stand on top of ours says so in a header."""
    site = new_site("")
    gateway = site.start()
    headers = {"x-stainless-retry-count": "1", "x-tidegate-user": "ann"}
    other, transparent = site.new_key(app="other"), site.new_key(app="claude-code", transparent=True)

    async def ask_with(key: str, count: str) -> None:
        sent = request(ask("How high?"), key=key, headers={**headers, "x-stainless-retry-count": count})
        assert (await call(gateway.port, sent)).status == 200

    async def all_of_them() -> None:
        for key, count in [(site.key, "0"), (site.key, "1"), (site.key, "2"), (other, "3"), (transparent, "1")]:
            await ask_with(key, count)

    asyncio.run(all_of_them())
    until(lambda: len([line for line in site.log() if line["event"] == "claude_call_success"]) == 5)
    told = [line for line in site.log() if line["event"] == "stacked_retries"]
    assert [(line["app"], line["level"]) for line in told] == [("tests", "warning"), ("other", "warning")]
    assert "max_retries=0" in told[0]["error_message"]
