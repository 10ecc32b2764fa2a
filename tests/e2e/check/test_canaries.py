"""No secret gets out: not on the screen, not into a report, not into a receipt, whatever goes wrong."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.check.conftest import ADMIN, KEY, SECRET, TOKEN, Place
from tidegate.checks.formats.table import FORMATS
from unit.checks.live.organization import text

OTHER = text(90)
PASSWORD = "pAssw0rd-of-a-database-canary"
VALUES = {
    "TIDEGATE_KEY_SECRET": SECRET,
    "TIDEGATE_ADMIN_TOKEN": TOKEN,
    "DATABASE_URL": f"postgresql://user:{PASSWORD}@db/x",
    "NEXT_PUBLIC_KEY": OTHER,
}
SECRETS = {"admin": ADMIN, "key": KEY, "secret": SECRET, "token": TOKEN, "other": OTHER, "password": PASSWORD}


def parts(secret: str) -> Iterator[str]:
    """Every stretch of twelve characters that is no prefix, and the whole in base64."""
    body = secret.rpartition("01-")[2] if "admin01" in secret else secret.rpartition("api03-")[2]
    yield from (body[at : at + 12] for at in range(len(body) - 11))
    yield base64.b64encode(secret.encode()).decode()[:24]


def leaks(shown: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if any(part in shown for part in parts(secret))]


def test_the_test() -> None:
    for secret in SECRETS.values():
        assert leaks(f"x {secret} x")
        assert leaks(secret[-20:])
    assert leaks("sk-ant-api03-…wxAA sk-ant-admin01-…") == []


KEYS = [
    {"name": f"somebody wrote {KEY} here", "hint": f"{KEY[:16]}...{KEY[-4:]}"},
    {"name": "whole", "hint": OTHER, "used": None},
]


FORMS = [
    pytest.param(form, {}, marks=[] if form in {"text", "json", "sarif"} else [pytest.mark.slow]) for form in FORMATS
]
FAULTS: list[dict[str, Any]] = [{"status": 401, "message": ADMIN}, {"status": 500, "message": KEY}]


@pytest.mark.parametrize(("form", "orders"), [*FORMS, *(("text", one) for one in FAULTS)])
def test_live(form: str, orders: dict[str, Any], place: Place) -> None:
    rule = {"when": {"path": "*"}, "do": orders}
    place.fake.script({"admin": {"api_keys": KEYS}, "rules": [rule] if orders else []})
    found = place.live("-v", "--format", form, ANTHROPIC_API_KEY=KEY)
    assert found.out
    assert leaks(found.out + found.err) == []


ODD = [
    {"ANTHROPIC_API_KEY": ADMIN},
    {"ANTHROPIC_API_KEY": f"'{KEY}'"},
    {"ANTHROPIC_API_KEY": f"{KEY}{OTHER}"},
    {"ANTHROPIC_BASE_URL": f"https://user:{PASSWORD}@127.0.0.1:9"},
    {"ANTHROPIC_BASE_URL": KEY},
    {"TIDEGATE_UPSTREAMS_ANTHROPIC_API_KEY": KEY},
    {"TIDEGATE_STORE_URL": f"redis://user:{PASSWORD}@db"},
    {"TIDEGATE_STORE_URL": f"nonsense://user:{PASSWORD}@db"},
    {"TIDEGATE_ADMIN_TOKEN": SECRET},
    {"TIDEGATE_ADMIN_TOKEN": TOKEN[:20]},
    {"HTTPS_PROXY": f"http://user:{PASSWORD}@127.0.0.1:9", "ANTHROPIC_BASE_URL": "https://x.invalid"},
    {"HTTP_PROXY": f"nonsense://user:{PASSWORD}@127.0.0.1:9"},
]


@pytest.mark.parametrize(("form", "environ"), [*FORMS, *(("text", one) for one in ODD)])
def test_boot(form: str, environ: dict[str, str], target: Place) -> None:
    found = target.boot("-v", form=form, **{**VALUES, **environ})
    assert found.out
    assert leaks(found.out + found.err) == []


def test_receipts_in_files_and_what_is_read_from_them(target: Place, place: Place) -> None:
    path = place.path / "tidegate-receipt.json"
    target.boot("--receipt", str(path), **VALUES)
    assert leaks(path.read_text()) == []
    path.write_text(path.read_text().replace('"platform":', f'"platform":"{KEY}","x":'))
    found = place.check(form="text", TIDEGATE_KEY_SECRET=SECRET)
    assert leaks(found.out + found.err) == []


@pytest.mark.parametrize("option", ["--admin-key", "--admin-url", "--receipt", "--attest"])
def test_a_secret_in_the_wrong_place_of_the_command_line(option: str, place: Place) -> None:
    found = place.check("--profile", "live", option, ADMIN, "--only", "TG601", form="text")
    shown = (found.out + found.err).replace("│", "").split()
    assert found.code in {0, 2}
    assert leaks("".join(shown)) == []
