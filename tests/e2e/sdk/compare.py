"""Making what the SDK hands out comparable: everything it holds, and as little as possible normalised.

The fake answers the same body with the same message, its id included.  What differs from one request to the next are
request ids, dates and what is left of a rate limit; those, and nothing else, are replaced here.
"""

import re
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2
import pydantic

REQUEST_ID = re.compile(r"req_[0-9A-Za-z]+")
CHANGING = re.compile(r"date|request-id|anthropic-ratelimit-.*-(remaining|reset)")
"""Names of response headers whose values change by themselves."""


def plain(value: Any) -> Any:
    """Anything that the SDK returns or raises, as plain data with the names of its classes."""
    if isinstance(value, anthropic.APIStatusError):
        return _error(value)
    if isinstance(value, BaseException):
        return {"class": _name(value), "text": str(value)}
    if isinstance(value, httpx2.Response):
        return {"status": value.status_code, "headers": headers(value.headers), "body": no_ids(value.content)}
    if isinstance(value, pydantic.BaseModel):
        return {"class": _name(value), **value.model_dump(mode="json")}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def headers(found: Mapping[str, str]) -> dict[str, str]:
    """Response headers; those that change by themselves keep only their names."""
    return {name.lower(): "…" if CHANGING.fullmatch(name.lower()) else value for name, value in found.items()}


def no_ids(body: bytes) -> str:
    """A body as text, request ids replaced."""
    return REQUEST_ID.sub("req_…", body.decode("utf-8", "replace"))


def _error(error: anthropic.APIStatusError) -> dict[str, Any]:
    return {
        "class": _name(error),
        "status": error.status_code,
        "type": error.type,
        "code": error.error_code,
        "details": error.details,
        "message": no_ids(error.api_message.encode()) if error.api_message is not None else None,
        "has request id": error.request_id is not None,
        "response": plain(error.response),
    }


def _name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
