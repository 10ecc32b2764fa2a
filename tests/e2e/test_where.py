"""Budgets for one user, route or model, under whatever name the operator and the callers give it."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from msgspec import Struct

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import Site, until
from e2e.guard.conftest import keeping_fake, nothing_from_the_machine, place  # noqa: F401 - fixtures
from e2e.guard.place import Place
from tidegate import caller

NOTHING = 'amount = "0 USD"\nevery = "month"\n'
CONFIG = f"""
[[budgets]]
per = "user"
where = {{ user = ["bob+test@example.com", "Zoë"] }}
{NOTHING}
[[budgets]]
per = "route"
where = {{ route = "my route" }}
{NOTHING}
[[budgets]]
per = "model"
where = {{ model = "claude-haiku-4-5-20251001" }}
{NOTHING}
"""


class Case(Struct, frozen=True, kw_only=True):
    """A call, and the scope of the budget that refuses it; empty: none does."""

    scope: str
    user: str = "ann"
    route: str = "chat"
    model: str = "claude-sonnet-5"


CASES = {
    "nobody's budget": Case(scope=""),
    "a user": Case(scope="user", user="bob+test@example.com"),
    "a user with a letter beyond ASCII": Case(scope="user", user="Zoë"),
    "another user with such a letter": Case(scope="", user="Zoé"),
    "a route": Case(scope="route", route="my route"),
    "a route with another space": Case(scope="", route="my  route"),
    "a model under its plain name": Case(scope="model", model="claude-haiku-4-5"),
    "a model under its dated name": Case(scope="model", model="claude-haiku-4-5-20251001"),
    "a model under its latest name": Case(scope="model", model="claude-haiku-4-5-latest"),
}


def body(case: Case) -> dict[str, Any]:
    return {"model": case.model, "max_tokens": 5, "messages": [{"role": "user", "content": "How high is the tide?"}]}


def through_gateway(site: Site, port: int, case: Case) -> Answer:
    headers = {"x-tidegate-user": case.user.encode(), "x-tidegate-route": case.route.encode()}
    return asyncio.run(call(port, request(body(case), key=site.key, headers=headers)))


def test_a_gateway_keeps_every_budget_that_it_shows(new_site: NewSite) -> None:
    site = new_site(CONFIG)
    gateway = site.start()
    for words in ("bob+test@example.com", "my route", "claude-haiku-4-5-20251001"):
        until(lambda words=words: words in gateway.error_file.read_text())  # type: ignore[misc]  # mypy knows no defaults
    found = {
        name: through_gateway(site, gateway.port, case).headers.get("x-tidegate-scope", "")
        for name, case in CASES.items()
    }
    assert found == {name: case.scope for name, case in CASES.items()}
    assert {row["user_id"] for row in site.charges()} & {"bob+test@example.com", "Zoë"} == set()


def test_a_rebuild_finds_what_they_have_spent(new_site: NewSite) -> None:
    site = new_site(CONFIG.replace("0 USD", "9 USD"))
    gateway = site.start()
    for case in CASES.values():
        assert through_gateway(site, gateway.port, case).reason == ""
    gateway.stop()
    before = site.tallies()
    assert len({key for key, tally in before.items() if tally.settled}) == 4
    command = [sys.executable, "-m", "tidegate", "rebuild", "--json"]
    ran = subprocess.run(command, cwd=site.folder, env=site.environ, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["changes"] == []
    assert site.tallies() == before


@pytest.mark.parametrize("secret", ["", "key-secret-of-the-guard-0123456789abcdef"])
def test_a_guard_keeps_them_too(place: Place, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - a fixture
    """With TIDEGATE_KEY_SECRET, and with the secret that its ledger was made with."""
    if secret:
        monkeypatch.setenv("TIDEGATE_KEY_SECRET", secret)
    place.configure(CONFIG)
    client = place.guarded(max_retries=0)
    found = {}
    for name, case in CASES.items():
        with caller(user=case.user, route=case.route):
            reply = client.messages.with_raw_response.create(**body(case)) if not case.scope else None
            found[name] = "" if reply is not None else refused(client, case)
    assert found == {name: case.scope for name, case in CASES.items()}


def refused(client: Any, case: Case) -> str:
    """The scope of the refusal that the call gets."""
    import anthropic  # noqa: PLC0415

    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**body(case))
    return caught.value.response.headers["x-tidegate-scope"]
