"""What people read when a call failed: from any exception of the SDK, of its HTTP library or of a cut stream.

The message of an exception is never shown: it may quote the request.  A reply that the gate made itself says why in
its headers; every other one is told by its status, its error type and the class of the exception, which are looked
up by name, so that neither library is imported here.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from tidegate.assemble import load_texts
from tidegate.doors.guard.texts import in_use
from tidegate.model.errors import ConfigError, TidegateError
from tidegate.model.labels import is_label
from tidegate.model.refusal import SHAPES, Reason
from tidegate.model.texts import Texts, fill
from tidegate.model.times import parse_rfc3339
from tidegate.policy.error_json import read_error
from tidegate.policy.replies import upstream_text
from tidegate.policy.retry import is_spend_stop, wait_hint

CLASSES: Final[Mapping[str, str]] = {
    # anthropic: an error status is told by its number, the others by their name
    "AnthropicError": "upstream_error",
    "APIError": "upstream_error",
    "APIConnectionError": "upstream_down",
    "APITimeoutError": "timeout",
    "APIResponseValidationError": "upstream_error",
    "APIWebhookValidationError": "bad_request",
    "RetryableError": "upstream_error",
    "CredentialsError": "upstream_key_rejected",
    "IdentityTokenFileError": "upstream_key_rejected",
    "WorkloadIdentityError": "upstream_key_rejected",
    "MutuallyExclusiveAuthError": "upstream_key_rejected",
    # anthropic, beside a call: the application's own mistakes, and its tools
    "StreamAlreadyConsumed": "store_down",
    "MissingDependencyError": "store_down",
    "ToolsetUsageError": "store_down",
    "ToolError": "store_down",
    "FileStoreError": "store_down",
    "SessionMemoryError": "store_down",
    # httpx2
    "HTTPError": "upstream_down",
    "RequestError": "upstream_down",
    "TransportError": "upstream_down",
    "TimeoutException": "timeout",
    "ConnectTimeout": "upstream_down",
    "PoolTimeout": "upstream_down",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "NetworkError": "upstream_down",
    "ConnectError": "upstream_down",
    "ReadError": "cut",
    "WriteError": "cut",
    "CloseError": "cut",
    "ProtocolError": "cut",
    "LocalProtocolError": "store_down",
    "RemoteProtocolError": "cut",
    "ProxyError": "upstream_down",
    "UnsupportedProtocol": "upstream_down",
    "DecodingError": "cut",
    "TooManyRedirects": "upstream_down",
    "SSEError": "cut",
    # an interrupted caller, a stream without any event (an assert in the SDK), and our own
    "CancelledError": "aborted",
    "KeyboardInterrupt": "aborted",
    "TimeoutError": "timeout",
    "AssertionError": "cut",
    "TidegateError": "store_down",
}
"""Names of texts by the name of the exception's class, or of the nearest class above it."""

ANYTHING_ELSE: Final = "store_down"
"""For exceptions that are nobody's: a bug of the application is trouble, too."""

UNREADABLE: Final = "upstream_error"
"""For what comes up inside the SDK while it reads a reply, such as a JSONDecodeError."""

_MISREAD: Final = (ValueError, LookupError, AttributeError)

STATUSES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "upstream_key_rejected",
    403: "upstream_key_rejected",
    404: "not_found",
    413: "too_large",
    422: "bad_request",
    431: "too_large",
    499: "aborted",
}
"""Names of texts by the status of a reply; every other one as the gate does it."""

EVENTS: Final[Mapping[str, str]] = {
    "overloaded_error": "upstream_overloaded",
    "rate_limit_error": "upstream_rate_limited",
    "billing_error": "upstream_spend_stop",
    "timeout_error": "upstream_timeout",
}
"""Names of texts by the type of an error event, which breaks off a stream whose status was 200."""

_OUTCOMES: Final[Mapping[str, int]] = {
    "cut": 502,
    "aborted": 499,
    "upstream_error": 502,
    "upstream_overloaded": 529,
    "upstream_rate_limited": 429,
    "upstream_timeout": 504,
}
_WITH_REPLY: Final = frozenset({"APIStatusError", "HTTPStatusError"})
_LIBRARIES: Final = frozenset({"anthropic", "httpx2", "asyncio", "concurrent", "builtins", "tidegate"})
"""Another library's ReadError may be about a file."""
_SDK: Final = frozenset({"anthropic", "httpx2"})
_REASONS: Final = frozenset(get_args(Reason))


class Friendly(Struct, frozen=True, kw_only=True):
    """What a person may be shown."""

    status: int
    """The HTTP status to answer one's own client with."""
    title: str
    text: str
    retry_after: float | None = None
    """Seconds until another try can succeed; None when nothing says so."""
    reference: str | None = None
    """The request id, for whoever is asked for help."""


class _Found(Struct, frozen=True):
    name: str
    """Of the text."""
    status: int
    retry_after: float | None = None
    scope: str = ""
    resets_at: int | None = None
    reference: str | None = None


def friendly(error: BaseException, *, texts: str | Path | None = None) -> Friendly:
    """Status, title, text, `retry_after` and request id for an exception of a call; never its own message.

    `texts` names a catalogue in another language; without it those of `tidegate.guard(texts=…)` speak, else English.
    """
    spoken = in_use() if texts is None else load_texts(Path(texts).resolve())
    found = _find(error)
    return Friendly(
        status=found.status,
        title=spoken.get(f"title.{found.name}", ""),
        text=_text(spoken, found),
        retry_after=found.retry_after,
        reference=found.reference,
    )


def of_a_call(error: BaseException) -> bool:
    """Whether an exception is the failure of a call, and not a mistake in the application's own code.

    Those of the SDK and its HTTP library are, those of tidegate but for a wrong setting, and whatever else comes up
    inside the SDK while it reads a reply; a TypeError there says that it was called wrongly.  A TimeoutError is one
    where it ended a call: `asyncio.timeout` raises it from the cancellation of what it waited for, in early Python 3.11
    while it handles that.
    """
    error = _innermost(error)
    if isinstance(error, ConfigError):
        return False
    homes = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if isinstance(error, TidegateError) or not _SDK.isdisjoint(homes):
        return True
    if isinstance(error, TimeoutError) and (ended := _ended_by(error)) is not None and _inside_the_sdk(ended):
        return True
    return isinstance(error, Exception) and not isinstance(error, TypeError) and _inside_the_sdk(error)


def _ended_by(error: TimeoutError) -> BaseException | None:
    """The cancellation, or whatever else it was raised from."""
    before = error.__cause__
    if before is None and isinstance(error.__context__, asyncio.CancelledError):
        before = error.__context__
    return before


def _inside_the_sdk(error: BaseException) -> bool:
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(str(frame.f_globals.get("__name__", "")).partition(".")[0] in _SDK for frame in frames)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):  # task groups wrap what broke them
        error = error.exceptions[0]
    return error


def _text(texts: Texts, found: _Found) -> str:
    return fill(texts, found.name, scope=found.scope, retry_after=found.retry_after, resets_at=found.resets_at)


def _find(error: BaseException) -> _Found:
    error = _innermost(error)
    names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in _LIBRARIES]
    if not _WITH_REPLY.isdisjoint(names):
        return _of_reply(error)
    name = next((CLASSES[name] for name in names if name in CLASSES), None)
    if name is None:
        name = UNREADABLE if isinstance(error, _MISREAD) and _inside_the_sdk(error) else ANYTHING_ELSE
    return _Found(name, _status(name))


def _of_reply(error: Any) -> _Found:
    """What an HTTP reply says: our own in its headers, another one by its status and type."""
    response, status = error.response, int(error.response.status_code)
    headers = [(name.lower(), value) for name, value in response.headers.raw]
    named = {name: value.decode("latin-1") for name, value in headers}
    reference = _reference(named.get(b"request-id"), error)
    hint = wait_hint(headers, time.time_ns() // 1000)
    reason = named.get(b"x-tidegate-reason", "")
    if reason in _REASONS:
        at = _time(named.get(b"x-tidegate-resets-at"))
        return _Found(reason, status, hint, named.get(b"x-tidegate-scope", ""), at, reference)
    if status < 400:
        name = EVENTS.get(str(getattr(error, "type", "")), "cut")
        return _Found(name, _status(name), hint, reference=reference)
    info = read_error(_body(error), status)
    if is_spend_stop(status, info):
        shape = SHAPES["upstream_spend_stop"]
        return _Found("upstream_spend_stop", shape.status, None, "organization", info.resets_at, reference)
    name = STATUSES.get(status) or upstream_text(status)
    return _Found(name, _status(name) if status in (401, 403) else status, hint, reference=reference)


def _status(name: str) -> int:
    if name in _REASONS:
        return SHAPES[name].status  # type: ignore[index]  # it is one of the reasons
    return _OUTCOMES.get(name, 500)


def _body(error: BaseException) -> bytes:
    """The body that the SDK has read, as JSON; nothing of it is shown."""
    body = getattr(error, "body", None)
    try:
        return msgspec.json.encode(body) if isinstance(body, dict) else b""
    except (TypeError, ValueError):
        return b""


def _reference(text: str | None, error: BaseException) -> str | None:
    body = getattr(error, "body", None)
    said = text or (body.get("request_id") if isinstance(body, dict) else None)
    return said if isinstance(said, str) and is_label(said) else None


def _time(text: str | None) -> int | None:
    try:
        return parse_rfc3339(text) if text else None
    except ValueError:
        return None
