"""One free request to Claude from inside of the target: `GET /v1/models`, with the real key and the real address."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from tidegate.checks.boot import address
from tidegate.checks.boot.credentials import may_be_sent
from tidegate.checks.boot.places import Place
from tidegate.checks.live.shapes import read_error
from tidegate.checks.live.web import Reply, Unreached, host_of, open_web
from tidegate.checks.verdict import State, Verdict, failed, passed, unknown, warned

_STATUS: Final = "a run when status.claude.com is green again"
_SKEW: Final = 300
"""Seconds."""

_SPENT: Final = {"billing_error", "enforced_spend_limit_reached", "contract_spend_limit_reached"}


def ask(places: tuple[Place, ...], now: datetime) -> tuple[Verdict, ...]:
    """What every place answers."""
    if places:
        return tuple(_ask(place, now) if _is_safe(place) else _kept(place) for place in places)
    return (
        unknown(
            "Claude was not asked, because the credential comes from elsewhere", supply="a person who looked: --attest"
        ),
    )


def _is_safe(place: Place) -> bool:
    """Whether a key may go there at all: the right kind of key, and an address without a finding."""
    (judged,) = address.judge([place.url])
    return judged.state is not State.FAIL and may_be_sent(place)


def _kept(place: Place) -> Verdict:
    what = "there is no key" if place.key is None else "key or address are wrong"
    return unknown(
        f"{host_of(place.url)} was not asked, because {what}", supply="a key and an address without a finding"
    )


def _ask(place: Place, now: datetime) -> Verdict:
    key = place.key.reveal() if place.key is not None else ""
    host = host_of(place.url)
    credential = {"authorization": f"Bearer {key}"} if place.bearer else {"x-api-key": key}
    reply = _get(place, {**(credential if key else {}), **_USUAL})
    if isinstance(reply, Unreached):
        return _unreached(reply, host)
    return _heard(reply, host, now)


def _get(place: Place, headers: Mapping[str, str]) -> Reply | Unreached:
    with open_web(proxy=place.proxy, ca_file=place.ca_file) as web:
        return web if isinstance(web, Unreached) else web.get(f"{place.url.rstrip('/')}/v1/models?limit=1", headers)


_USUAL: Final = {"anthropic-version": "2023-06-01", "accept-encoding": "identity", "user-agent": "tidegate check"}


def _unreached(gone: Unreached, host: str) -> Verdict:
    if gone.kind == "library":
        return unknown("Claude was not asked: httpx2 is not installed", supply="pip install 'tidegate[check]'")
    fix = "Let the target out to this address: DNS, firewall, proxy (HTTPS_PROXY), certificates."
    return failed(None, f"{host} cannot be reached from here: {gone.text}.", fix=fix)


def _heard(reply: Reply, host: str, now: datetime) -> Verdict:
    if reply.status == 200:
        if not _is_list(reply.body):
            return failed(None, f"{host} answers, and is no Claude API.", fix="Correct the address of Claude.")
        skew = _skew(reply.headers, now)
        if skew > _SKEW:
            return warned(None, f"The clock is {skew / 60:,.0f} minutes wrong.", fix="Set the clock by NTP.")
        return passed(f"{host} answered in {reply.seconds:.2f} s", "live")
    said = read_error(reply.body)
    code = (said.details or {}).get("error_code")
    if said.type in _SPENT or code in _SPENT or reply.status == 402:
        return failed(
            None, f"{host} takes no requests: the money is spent.", fix="Console: Settings, Billing and Limits."
        )
    return _refused(reply.status, host)


def _refused(status: int, host: str) -> Verdict:
    if status in {401, 403}:
        fix = "Make a key in the Claude Console, set it among the target's variables, delete the old one."
        return failed(None, f"{host} refuses the key ({status}).", fix=fix)
    if status == 429:
        fix = "Raise the rate limits in the Console, or ask less often."
        return warned(None, f"{host} knows the key, and takes no more requests for now (429).", fix=fix)
    if status >= 500:
        return unknown(f"{host} fails now ({status})", supply=_STATUS)
    if status in {404, 405}:
        return unknown(f"{host} does not list models ({status})", supply="a person who saw it answer: --attest")
    if 300 <= status < 400:
        return failed(None, f"{host} sends requests elsewhere ({status}).", fix="Set the address that it names.")
    return unknown(f"{host} answers {status}", supply="a person who saw it answer: --attest")


def _is_list(body: bytes) -> bool:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(found, dict) and isinstance(found.get("data"), list)


def _skew(headers: Mapping[str, str], now: datetime) -> float:
    """How many seconds the clock here is off, either way."""
    try:
        there = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return 0.0
    return abs((now - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds())
