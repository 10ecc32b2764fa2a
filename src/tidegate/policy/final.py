"""The reply after the last failure: what the caller gets when no attempt brought an answer."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tidegate.model.labels import is_label
from tidegate.model.refusal import Reason, Refusal
from tidegate.model.texts import Texts
from tidegate.policy.error_json import ErrorInfo
from tidegate.policy.replies import friendly_error, refusal_reply, upstream_text
from tidegate.policy.retry import LOST, Failure, is_spend_stop

Headers = Sequence[tuple[bytes, bytes]]

Loss = Literal["not_sent", "timeout", "cut"]


class Failed(Struct, frozen=True, kw_only=True):
    """An attempt that brought no answer."""

    failure: Failure = LOST
    loss: Loss | None = None
    """How the connection failed; None when there is an error reply."""
    headers: Headers = ()
    body: bytes = b""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole reply, and what the log says about it."""

    status: int
    headers: Headers
    body: bytes
    reason: str
    """A name of the catalogue of texts."""
    error_type: str
    request_id: str | None = None
    """The upstream's."""


RETRYABLE = frozenset({408, 409, 429})
DOWN_AGAIN = 5.0
"""Seconds that a caller is asked to wait when the upstream could not be reached."""


def final_answer(failed: Failed, request_id: str, texts: Texts, *, transparent: bool) -> Answer:
    """The reply for the last failure of a call.

    A transparent key's client reads the upstream's own words; everyone else gets its status and a friendly text,
    except for errors that are the caller's own, which pass unchanged.
    """
    status, info = failed.failure.status, failed.failure.error
    if status is None or info is None:
        reason: Reason = "timeout" if failed.loss == "timeout" else "upstream_down"
        answer = _refused(Refusal(reason=reason, retry_after=DOWN_AGAIN), request_id, texts)
        if transparent:  # its client owns the retries
            return replace(answer, headers=[pair for pair in answer.headers if pair[0] != b"x-should-retry"])
        return answer
    said = _request_id(failed.headers, info)
    if not 400 <= status <= 599:  # a redirect or no status of HTTP: no answer for anybody
        return _refused(Refusal(reason="upstream_down", retry_after=DOWN_AGAIN), request_id, texts, said)
    if transparent:
        return _answer(status, failed.headers, failed.body, status, info, said)
    return _worded(failed, status, info, request_id, texts, said)


def _worded(failed: Failed, status: int, info: ErrorInfo, request_id: str, texts: Texts, said: str | None) -> Answer:
    """For everyone but a transparent key."""
    if status == 401:
        return _refused(Refusal(reason="upstream_key_rejected"), request_id, texts, said)
    if is_spend_stop(status, info):
        refusal = Refusal(reason="upstream_spend_stop", scope="organization", resets_at=info.resets_at)
        return _refused(refusal, request_id, texts, said)
    if status in RETRYABLE or status >= 500:
        code, headers, body = friendly_error(status, failed.headers, info, request_id, texts)
        return _answer(code, headers, body, status, info, said)
    return _answer(status, _never_again(failed.headers), failed.body, status, info, said)


def _never_again(headers: Headers) -> Headers:
    """The headers as they are, unless they ask the SDK to repeat what is final."""
    if not any(name == b"x-should-retry" and value.strip().lower() == b"true" for name, value in headers):
        return headers
    return [*(pair for pair in headers if pair[0] != b"x-should-retry"), (b"x-should-retry", b"false")]


def _answer(code: int, headers: Headers, body: bytes, status: int, info: ErrorInfo, said: str | None) -> Answer:
    return Answer(
        status=code,
        headers=headers,
        body=body,
        reason=upstream_text(status),
        error_type=info.type,
        request_id=said,
    )


def _refused(refusal: Refusal, request_id: str, texts: Texts, said: str | None = None) -> Answer:
    code, headers, body = refusal_reply(refusal, request_id, texts)
    return Answer(
        status=code, headers=headers, body=body, reason=refusal.reason, error_type=refusal.reason, request_id=said
    )


def _request_id(headers: Headers, info: ErrorInfo) -> str | None:
    for name, value in headers:
        if name == b"request-id":
            text = value.decode("latin-1")
            return text if is_label(text) else None
    return info.request_id
