"""Reading an upstream's error reply: type, code, what it says about money; its text is dropped here.

The text of an error may quote the request, so nothing of it is kept.  Two facts are taken from it, because the API
says them nowhere else (claude-api.md 3.3): that it is one of the sentences about spent money, and the date on which
access comes back.
"""

import re
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from tidegate.model.labels import is_label
from tidegate.model.times import as_microseconds
from tidegate.policy.inflate import Garbage, inflate
from tidegate.policy.usage_json import read_json

MOST_ERROR = 1024 * 1024
"""Longest error body that is read, after decompression."""

ERROR_TYPES = frozenset({
    "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
    "conflict_error", "request_too_large", "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
    "memory_precondition_failed_error", "memory_path_conflict_error",
})  # fmt: skip

_TYPE_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

MessageKind = Literal["spend_limit", "low_credit", "other"]

_SPEND_LIMIT = re.compile(
    r"you have reached your (specified )?([a-z]+ )?api usage limits|spend limit reached", re.IGNORECASE
)
_REGAIN = re.compile(r"regain access on (20[0-9]{2})-([0-9]{2})-([0-9]{2})", re.IGNORECASE)
_LOW_CREDIT = re.compile(r"(your )?credit balance is too low", re.IGNORECASE)
_CODE = re.compile(r"[a-z_]{1,64}")


class ErrorInfo(Struct, frozen=True, kw_only=True):
    """What an error reply says, in closed vocabulary."""

    type: str
    """Of Anthropic's error types; `other` for one we do not know."""
    code: str | None = None
    """`details.error_code` when it is `[a-z_]{1,64}`."""
    message_kind: MessageKind = "other"
    """Which of the known sentences about money the message is."""
    resets_at: int | None = None
    """When spending can go on, microseconds since 1970 UTC."""
    request_id: str | None = None


class _Details(Struct):
    error_code: str | None = None


class _ErrorPart(Struct):
    type: str | None = None
    message: str | None = None
    details: _Details | None = None


class _ErrorBody(Struct):
    error: _ErrorPart | None = None
    request_id: str | None = None


_BODY = msgspec.json.Decoder(_ErrorBody)


def known_type(text: str | None) -> str:
    """An error type that may be kept; `other` for one that we do not know."""
    return text if text in ERROR_TYPES and text is not None else "other"


def read_error(body: bytes, status: int, content_encoding: bytes | None = None) -> ErrorInfo:
    """What the body of an error reply says; a body that is not the API's (a proxy's page) is typed by its status."""
    try:
        found = read_json(inflate(body, content_encoding, MOST_ERROR), _BODY)
    except Garbage:
        found = None
    request_id = found and found.request_id
    request_id = request_id if request_id and is_label(request_id) else None
    if found is None or found.error is None:
        return ErrorInfo(type=_type_of(status), request_id=request_id)
    error = found.error
    message = error.message or ""
    code = error.details and error.details.error_code
    kind = _kind_of(message, status)
    return ErrorInfo(
        type=known_type(error.type) if error.type else _type_of(status),
        code=code if code and _CODE.fullmatch(code) else None,
        message_kind=kind,
        resets_at=_resets_at(message) if kind == "spend_limit" else None,
        request_id=request_id,
    )


def _type_of(status: int) -> str:
    return _TYPE_OF_STATUS.get(status) or ("api_error" if status >= 500 else "other")


def _kind_of(message: str, status: int) -> MessageKind:
    # At the start of the message only: further on it may quote the request.  A 429 quotes nothing.
    if _SPEND_LIMIT.match(message) or (status == 429 and _REGAIN.search(message)):
        return "spend_limit"
    return "low_credit" if _LOW_CREDIT.match(message) else "other"


def _resets_at(message: str) -> int | None:
    found = _REGAIN.search(message)
    if found is None:
        return None
    try:
        return as_microseconds(datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC))
    except ValueError:
        return None
