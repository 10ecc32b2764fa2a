"""The Admin API as questions: what comes back is a list of values, or a trouble in plain words with its remedy.

Rules
1. Only an Admin key is sent, only in a header, only over https or to this machine.
2. No text of a reply is shown: a status and a known error code say what happened.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from tidegate.checks.live.address import KEY, URL
from tidegate.checks.live.facts import Trouble
from tidegate.checks.live.shapes import ErrorSent, Page, read_error
from tidegate.checks.live.web import Reply, Unreached, Web, host_of
from tidegate.checks.scan.match import shown
from tidegate.config.hidden import Hidden
from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve

SPEND_BETA: Final = "spend-limit-reads-2026-09-26"

_VERSION: Final = "2026-10-21"
_MOST_PAGES: Final = 50
_LOOK: Final = "look in the Claude Console and attest it: tidegate check HERE --attest ID --by NAME --note WHAT-YOU-SAW"
_MAKE: Final = (
    "an Admin key (sk-ant-admin01-…) in ANTHROPIC_ADMIN_KEY; an admin makes one in the Console: Settings, Admin keys"
)

T = TypeVar("T")
Query = Mapping[str, str]


class Admin:
    """Asks one organisation's Admin API."""

    def __init__(self, web: Web, key: Hidden, url: str = URL) -> None:
        self._web = web
        self._url = url
        self._ended: Trouble | None = None
        self._headers = {
            "x-api-key": key.reveal(),
            "anthropic-version": _VERSION,
            "accept-encoding": "identity",
            "user-agent": "tidegate check",
        }

    def list(self, path: str, kind: type[T], query: Query, *, by: Literal["last_id", "next_page"]) -> list[T] | Trouble:
        """Everything that there is, page by page."""
        found: list[T] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            page = self._page(path, {**query, **_following(by, cursor)})
            if isinstance(page, Trouble):
                return page
            try:
                found += msgspec.convert(page.data, list[kind])  # type: ignore[valid-type]  # a type as a value
            except msgspec.ValidationError:
                return _strange(path)
            following = (page.last_id if page.has_more else None) if by == "last_id" else page.next_page
            if not following or following == cursor:
                return found
            cursor = following
        return Trouble(f"{path} has more than {_MOST_PAGES} pages", _LOOK)

    def _page(self, path: str, query: Query) -> Page | Trouble:
        page = self._ended or self._ask(path, query)
        if isinstance(page, Trouble) and page.total:
            self._ended = page
        return page

    def _ask(self, path: str, query: Query) -> Page | Trouble:
        beta = {"anthropic-beta": SPEND_BETA} if path == "spend_limits" else {}
        asked = f"{self._url}/v1/organizations/{path}?{urlencode(query)}"
        reply = self._web.get(asked, {**self._headers, **beta})
        if isinstance(reply, Unreached):
            return unreached(reply, self._url)
        if reply.status != 200:
            return _refused(path, reply)
        try:
            return msgspec.json.decode(reply.body, type=Page)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _strange(path)


def read_admin_key(uri: str, environ: Mapping[str, str]) -> Hidden | Trouble:
    """The Admin key at a secret's address."""
    try:
        text = resolve(uri, environ).reveal().strip()
    except ConfigError as error:
        missing = uri == KEY and not environ.get("ANTHROPIC_ADMIN_KEY") and not environ.get("ANTHROPIC_ADMIN_KEY_FILE")
        said = "no Admin key was given" if missing else str(error)
        return Trouble(said, f"{_MAKE}; or {_LOOK}" if missing else _MAKE, total=True)
    where = uri.removeprefix("env://") if uri.startswith("env://") else "the address of the Admin key"
    if text.startswith("sk-ant-admin"):
        sane = text.isascii() and text.isprintable() and " " not in text
        return Hidden(text) if sane else Trouble(f"{where} holds more than a key", _MAKE, total=True)
    if text.startswith("sk-ant-api01-"):
        return Trouble(f"{where} holds a key of Claude Enterprise, which the Console does not know", _MAKE, total=True)
    if text.startswith("sk-ant-api"):
        return Trouble(f"{where} holds an API key ({shown(text, 'api-key')}), not an Admin key", _MAKE, total=True)
    return Trouble(f"{where} holds no Admin key: those begin with sk-ant-admin", _MAKE, total=True)


def unreached(gone: Unreached, url: str) -> Trouble:
    """An address that gave no reply."""
    if gone.kind == "library":
        return Trouble(
            "httpx2, which asks over the network, is not installed", "pip install 'tidegate[check]'", total=True
        )
    total = gone.kind != "large"
    return Trouble(
        f"{host_of(url)} cannot be asked: {gone.text}", "a way to it, or HTTPS_PROXY; then run it again", total=total
    )


def _refused(path: str, reply: Reply) -> Trouble:
    said = read_error(reply.body)
    if reply.status == 401:
        return Trouble("the Admin API refuses the key (401): it is revoked, expired or mistyped", _MAKE, total=True)
    if reply.status == 403:
        return Trouble(f"this Admin key may not read {path} (403)", f"an Admin key that may, or {_LOOK}")
    if reply.status == 429:
        return Trouble(f"too many questions for now (429, {path})", f"patience: {_wait(reply)}; then run it again")
    if reply.status >= 500:
        return Trouble(f"the Admin API fails now ({reply.status}, {path})", "patience; status.claude.com says more")
    if _code(said) == "organization_type_not_supported" or (path == "spend_limits" and reply.status in {400, 404}):
        return Trouble(
            f"{path} cannot be read for this organization ({reply.status}); reading limits is an early access preview",
            _LOOK,
        )
    return Trouble(f"the Admin API answers {reply.status} to {path}", "a newer tidegate may know why; or attest it")


def _code(said: ErrorSent) -> str:
    code = (said.details or {}).get("error_code")
    return code if isinstance(code, str) else ""


def _wait(reply: Reply) -> str:
    after = reply.headers.get("retry-after", "")
    return f"{after} seconds" if after.isdigit() and len(after) < 7 else "a minute"


def _strange(path: str) -> Trouble:
    return Trouble(f"{path} came in a shape that this version does not know", "a newer tidegate; or attest it")


def _following(by: str, cursor: str) -> dict[str, str]:
    if not cursor:
        return {}
    return {"after_id": cursor} if by == "last_id" else {"page": cursor}
