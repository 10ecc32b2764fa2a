"""What kind of credential the target has: one for production, or something that only looks like it."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from tidegate.checks.boot.places import Place, elsewhere, federated
from tidegate.checks.scan.likeness import looks_random
from tidegate.checks.scan.match import credentials, shown
from tidegate.checks.verdict import Verdict, failed, passed, unknown, warned
from tidegate.model.keys import has_checksum

_MAKE: Final = "Make an API key in the Claude Console and set it among the target's variables."
_SET: Final = (
    "Set ANTHROPIC_API_KEY among the target's variables; a program that reaches Claude in another way suppresses this."
)
_LEAST: Final = 16
"""Characters of a key of another gateway."""

_KEYS: Final = ("sk-ant-api", "tg_")
_KINDS: Final = (
    ("sk-ant-admin", "an Admin API key: Claude refuses it for requests, and it can make and delete keys"),
    ("sk-ant-api01-", "a key of Claude Enterprise, which the Claude API does not take"),
    ("sk-ant-oat", "an OAuth token of somebody's subscription"),
    ("sk-ant-ort", "an OAuth refresh token of somebody's subscription"),
    ("sk-ant-sid", "a session of somebody's browser"),
    ("sk-ant-si-", "a session of Claude Code"),
    ("whsec_", "the signing secret of a webhook"),
)
_PUBLIC: Final = re.compile(r"(?:NEXT_PUBLIC|VITE|REACT_APP|PUBLIC|EXPO_PUBLIC|NUXT_PUBLIC|GATSBY|VUE_APP)_\w+")
"""Variables that build tools write into what browsers get."""


def judge(places: tuple[Place, ...], environ: Mapping[str, str]) -> tuple[Verdict, ...]:
    """What is to be said about the credentials of the target."""
    found = [verdict for place in places for verdict in _place(place)]
    found += _elsewhere(environ)
    if federated(environ) and environ.get("ANTHROPIC_API_KEY"):
        text = "ANTHROPIC_API_KEY is set beside workload identity, and silently wins."
        found.append(warned(None, text, fix="Remove the key: an identity cannot leak."))
    elif not places and federated(environ):
        found.append(passed("no key at all: the platform's identity is changed into tokens", "live"))
    elif not places:
        text = f"{elsewhere(environ)} is set: the credential comes from elsewhere"
        found.append(unknown(text, supply="a person who looked: --attest"))
    return tuple(found)


def may_be_sent(place: Place) -> bool:
    """Whether the credential is one that belongs to this address, as far as can be seen; a wrong one stays here."""
    return place.open or (place.key is not None and not _wrong(place, place.key.reveal()))


def _place(place: Place) -> Iterator[Verdict]:
    if place.open:
        text = f"{place.name} is asked without any credential."
        yield warned(None, text, fix="Right only where nobody else can reach it; otherwise set its api_key.")
        return
    if place.key is None:
        yield failed(None, f"There is no key: {place.trouble}.", fix=_SET)
        return
    text = place.key.reveal()
    wrong = _wrong(place, text)
    if wrong:
        yield failed(None, f"{place.name} holds {wrong}.", fix=_MAKE, secret=True)
        return
    if place.from_file:
        said = f"{place.name} stands in {place.from_file} alone: a program that does not load that file has no key."
        yield warned(None, said, fix="Set it among the target's variables, and leave the file out of the image.")
    token = place.bearer and not text.startswith(_KEYS)
    if token:
        said = f"{place.name} holds a token, which ends and is then refused."
        yield warned(None, said, fix="Use an API key, or workload identity, which renews its tokens.")
    if not (place.from_file or token):
        kind = "an app key" if text.startswith("tg_") else "an API key" if text.startswith("sk-ant-") else "a key"
        yield passed(f"{place.name} holds {kind} ({_shown(text)})", "live")


def _wrong(place: Place, text: str) -> str:
    """What the credential is instead of one for production; "" when it seems to be one."""
    if text[0] in "\"'" or text[-1] in "\"'":
        return "quotes, which are part of its value: set it without them"
    if text != text.strip() or not text.isascii() or not text.isprintable() or " " in text:
        return "blanks, line ends or other characters that no key has"
    if place.bearer and not text.startswith(_KEYS):
        return "" if len(text) >= _LEAST else "a placeholder"
    named = next((kind for prefix, kind in _KINDS if text.startswith(prefix)), "")
    return named or _unlike(text, to_anthropic=at_anthropic(place.url))


def _unlike(text: str, *, to_anthropic: bool) -> str:
    """What is wrong with the form of a key."""
    if text.startswith("sk-ant-"):
        whole = any(match.start == 0 and match.end == len(text) for match in credentials(text.encode()))
        return "" if whole else "a placeholder, a test key or a part of a key: it has not the form of an API key"
    if text.startswith("tg_"):
        missing = "" if has_checksum(text) else "an app key of tidegate with a mistyped or missing part"
        unknown = "an app key of tidegate, which the Claude API does not know; set ANTHROPIC_BASE_URL to the gateway"
        return unknown if to_anthropic else missing
    if to_anthropic:
        return "something that is no API key: those begin with sk-ant-api"
    return "" if len(text) >= _LEAST and looks_random(text) else "a placeholder, or a key that can be guessed"


def _elsewhere(environ: Mapping[str, str]) -> Iterator[Verdict]:
    """Credentials in variables where none belongs."""
    for name, value in sorted(environ.items()):
        if name != "ANTHROPIC_API_KEY" and value.startswith("sk-ant-admin"):
            text = f"{name} holds an Admin API key: whoever breaks into the program can make and delete keys."
            yield failed(None, text, fix="Keep Admin keys out of the target.", secret=True)
        elif _PUBLIC.fullmatch(name) and value.startswith(("sk-ant-", "tg_")):
            text = f"{name} holds a key, and build tools write such variables into what every browser gets."
            yield failed(None, text, fix="Rename it, and delete the key: it is public.", secret=True)


def at_anthropic(url: str) -> bool:
    """Whether an address is the Claude API itself."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == "anthropic.com" or host.endswith(".anthropic.com")


def _shown(text: str) -> str:
    if text.startswith("tg_"):
        return shown(text, "app-key")
    return shown(text, "api-key") if text.startswith("sk-ant-") else f"…{text[-4:]}"
