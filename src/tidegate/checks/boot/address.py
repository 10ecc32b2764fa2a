"""Whether the target's way to Claude is a sane address: https, whole, and not of the machine that it was made on."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tidegate.checks.boot.credentials import at_anthropic
from tidegate.checks.verdict import Verdict, failed, passed, warned
from tidegate.config.urls import is_loopback

_VARIABLE: Final = "Correct ANTHROPIC_BASE_URL, or the upstream's url, among the target's variables."
_INSIDE: Final = (".internal", ".local", ".svc", ".cluster.local", ".lan", ".flycast", ".home.arpa")
"""Endings of names that private networks use."""

_HERE: Final = {"0.0.0.0", "::", "host.docker.internal"}  # noqa: S104 - looked for, not listened on
_MADE_UP: Final = ("example.com", "example.org", "example.net", "your-gateway", "changeme", "placeholder")


def judge(urls: Iterable[str]) -> tuple[Verdict, ...]:
    """What is to be said about the addresses, each once."""
    return tuple(_judge(url) for url in dict.fromkeys(urls))


def _judge(url: str) -> Verdict:
    parts = _split(url)
    if parts is None:
        return failed(None, "The address of Claude is no http or https address.", fix=_VARIABLE)
    wrong = _unfit(parts)
    if wrong:
        return failed(None, f"The address of Claude {wrong}.", fix=_VARIABLE)
    host = parts.hostname or ""
    if is_loopback(url) or host in _HERE:
        text = f"Requests go to this machine itself ({host})."
        return warned(None, text, fix="Right for a gateway in the same pod; otherwise set the real address.")
    if parts.scheme == "https":
        return passed("requests go to Anthropic" if at_anthropic(url) else f"requests go to {host}", "live")
    if _inside(host):
        text = f"Requests go to {host} in plain http."
        return warned(None, text, fix="Right inside of a private network that is trusted; otherwise use https.")
    return failed(None, f"Requests, and the key, go to {host} in plain http.", fix="Use an https address.")


def _unfit(parts: SplitResult) -> str:
    if parts.username is not None:
        return "holds a user or a password"
    if parts.path.rstrip("/").endswith(("/v1", "/v1/messages")):
        return "ends in /v1, which the SDKs add by themselves"
    if any(word in (parts.hostname or "") for word in _MADE_UP):
        return f"is a placeholder ({parts.hostname})"
    return ""


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url or url.startswith(("'", '"')):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


def _inside(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_INSIDE)
