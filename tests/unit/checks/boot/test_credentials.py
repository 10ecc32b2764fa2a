from pathlib import Path
from typing import Any

import pytest

from tidegate.checks.boot.credentials import at_anthropic, judge
from tidegate.checks.boot.places import Place, read_places
from tidegate.config.hidden import Hidden
from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.model.keys import compose
from unit.checks.live.organization import text

REAL = text(1)
APP_KEY = compose("abcdefgh", b"x" * 24)
GATEWAY = {"ANTHROPIC_BASE_URL": "https://claude.mycompany.com"}


def said(environ: dict[str, str], root: Path = Path("/nowhere")) -> list[tuple[str, str]]:
    return [(one.state.value, one.text) for one in judge(read_places(environ, None, root), environ)]


def test_a_real_key() -> None:
    assert said({"ANTHROPIC_API_KEY": REAL}) == [
        ("pass", f"ANTHROPIC_API_KEY holds an API key (sk-ant-api03-…{REAL[-4:]})")
    ]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("your-api-key-here", "no API key"),
        ("sk-ant-api03-xxxxxxxxxxxxxxxx", "placeholder, a test key or a part of a key"),
        ("sk-ant-api03-fake", "placeholder, a test key or a part of a key"),
        (REAL[:-7], "part of a key"),
        (f"{REAL}B", "placeholder"),
        (f"{REAL}\n", "blanks, line ends"),
        (f" {REAL}", "blanks, line ends"),
        (f'"{REAL}"', "quotes"),
        (f"{REAL} # production", "blanks"),
        (REAL.replace("api03", "admin01"), "Admin API key"),
        (REAL.replace("api03", "api01"), "Claude Enterprise"),
        (REAL.replace("api03", "oat01"), "OAuth token"),
        (REAL.replace("api03", "ort01"), "refresh token"),
        (REAL.replace("api03", "sid01"), "session"),
        (APP_KEY, "app key of tidegate, which the Claude API does not know"),
        ("file:///run/secrets/anthropic", "no API key"),
        ("ключ-ключ-ключ-ключ", "characters that no key has"),
        ("sk-proj-" + "aB3" * 20, "no API key"),
    ],
)
def test_what_is_no_key_for_production(value: str, what: str) -> None:
    ((state, found),) = said({"ANTHROPIC_API_KEY": value})
    assert state == "fail"
    assert what in found
    assert value.strip() not in found


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "ANTHROPIC_API_KEY is not set"),
        ({"ANTHROPIC_API_KEY": ""}, "ANTHROPIC_API_KEY is empty"),
        ({"ANTHROPIC_API_KEY": "  "}, "ANTHROPIC_API_KEY is empty"),
        ({"ANTHROPIC_API_KEY_FILE": "/run/x"}, "ANTHROPIC_API_KEY_FILE is, which the SDKs do not read"),
    ],
)
def test_no_key(environ: dict[str, str], why: str) -> None:
    ((state, found),) = said(environ)
    assert state == "fail"
    assert why in found


def test_an_app_key_belongs_to_a_gateway() -> None:
    assert said({"ANTHROPIC_API_KEY": APP_KEY, **GATEWAY})[0][0] == "pass"
    mistyped = APP_KEY[:-1] + ("a" if APP_KEY[-1] != "a" else "b")
    ((state, found),) = said({"ANTHROPIC_API_KEY": mistyped, **GATEWAY})
    assert (state, "mistyped" in found) == ("fail", True)


@pytest.mark.parametrize(
    ("value", "state"), [("pLKsx8K02mQzVbbN4tRw", "pass"), ("sk-1234", "fail"), ("changeme" * 3, "fail")]
)
def test_keys_of_other_gateways(value: str, state: str) -> None:
    assert [one for one, _ in said({"ANTHROPIC_API_KEY": value, **GATEWAY})] == [state]


def test_tokens_end() -> None:
    token = REAL.replace("api03", "oat01")
    assert [state for state, _ in said({"ANTHROPIC_AUTH_TOKEN": token})] == ["warn"]
    assert [state for state, _ in said({"ANTHROPIC_AUTH_TOKEN": REAL})] == ["pass"]
    assert [state for state, _ in said({"ANTHROPIC_AUTH_TOKEN": "x"})] == ["fail"]
    assert [state for state, _ in said({"ANTHROPIC_AUTH_TOKEN": token, "ANTHROPIC_API_KEY": REAL})] == ["pass"]


FEDERATION = {
    "ANTHROPIC_FEDERATION_RULE_ID": "r",
    "ANTHROPIC_ORGANIZATION_ID": "o",
    "ANTHROPIC_IDENTITY_TOKEN_FILE": "/var/run/token",
}


def test_an_identity_needs_no_key() -> None:
    assert [state for state, _ in said(FEDERATION)] == ["pass"]
    found = said({**FEDERATION, "ANTHROPIC_API_KEY": REAL})
    assert [state for state, _ in found] == ["pass", "warn"]
    assert "silently wins" in found[1][1]


@pytest.mark.parametrize("name", ["ANTHROPIC_PROFILE", "ANTHROPIC_VERTEX_PROJECT_ID", "AWS_BEARER_TOKEN_BEDROCK"])
def test_other_ways_to_claude_are_unknown(name: str) -> None:
    ((state, found),) = said({name: "canary"})
    assert state == "unknown"
    assert name in found
    assert "canary" not in found


def test_admin_keys_and_public_variables() -> None:
    admin = REAL.replace("api03", "admin01")
    found = said({"ANTHROPIC_API_KEY": REAL, "ANTHROPIC_ADMIN_KEY": admin, "NEXT_PUBLIC_CLAUDE": REAL})
    assert [state for state, _ in found] == ["pass", "fail", "fail"]
    assert "ANTHROPIC_ADMIN_KEY holds an Admin API key" in found[1][1]
    assert "every browser" in found[2][1]
    assert REAL not in str(found)


def test_a_key_in_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ANTHROPIC_API_KEY={REAL}\n")
    ((state, found),) = said({}, tmp_path)
    assert (state, "stands in .env alone" in found) == ("warn", True)
    assert [state for state, _ in said({"ANTHROPIC_API_KEY": REAL}, tmp_path)] == ["pass"]


def test_a_file_that_cannot_be_read_has_no_key(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("this is no line\n")
    assert [state for state, _ in said({}, tmp_path)] == ["fail"]


def upstreams(**given: Any) -> Settings:
    return Settings(upstreams=(UpstreamSettings(name="inner", url="https://claude.inner", **given),))


def test_upstreams_of_tidegate(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(REAL)
    good = read_places({}, upstreams(api_key=f"file://{tmp_path}/key"), tmp_path)
    assert [one.state.value for one in judge(good, {})] == ["pass"]
    gone = read_places({}, upstreams(api_key=f"file://{tmp_path}/none"), tmp_path)
    ((state, found),) = [(one.state.value, one.text) for one in judge(gone, {})]
    assert (state, "no such file" in found) == ("fail", True)
    bare = read_places({}, upstreams(), tmp_path)
    assert [one.state.value for one in judge(bare, {})] == ["warn"]


def test_nothing_shows_a_key_by_accident() -> None:
    place = Place(name="x", url="https://x", key=Hidden(REAL))
    assert REAL not in repr(place)


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("https://api.anthropic.com", True),
        ("https://anthropic.com", True),
        ("https://api.anthropic.com.evil.com", False),
        ("https://notanthropic.com", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_who_is_anthropic(url: str, yes: bool) -> None:
    assert at_anthropic(url) == yes
