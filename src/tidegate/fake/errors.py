"""Error replies in the API's own words and shape."""

from typing import Any

import msgspec

from tidegate.fake.command import Command


class Problem(msgspec.Struct, frozen=True):
    """An error reply before it has a request id."""

    status: int
    type: str
    message: str
    code: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


TYPES = {
    400: ("invalid_request_error", "Invalid request"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    408: ("timeout_error", "Request timed out"),
    409: ("conflict_error", "The resource was changed by another request"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit of 1,000 requests per minute"),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "The request took too long; use streaming for long requests"),
    529: ("overloaded_error", "Overloaded"),
}
"""Status: error type and usual text."""

SPEND = {
    "tier": Problem(
        429,
        "rate_limit_error",
        "You have reached your API usage limits: your organization has crossed its monthly threshold. "
        "You will regain access on 2026-12-01 at 00:00 UTC.",
        "enforced_spend_limit_reached",
    ),
    "self": Problem(
        400,
        "invalid_request_error",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
    ),
    "credit": Problem(
        402,
        "billing_error",
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "workspace": Problem(
        429,
        "rate_limit_error",
        "You have reached your specified workspace API usage limits. "
        "You will regain access on 2026-12-01 at 00:00 UTC.",
        headers=(("retry-after", "86400"),),
    ),
}
"""The four ways to say that the money is out; only the workspace's carries `retry-after`, to no use."""

HTML = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


def problem(status: int, message: str | None = None, type_: str | None = None, code: str | None = None) -> Problem:
    """The error of a status, with its usual type and text where none is given."""
    usual = TYPES.get(status) or TYPES[500 if status >= 500 else 400]
    return Problem(status, type_ or usual[0], message or usual[1], code)


def ordered(command: Command) -> Problem | None:
    """The error that a command asks for, if it asks for one."""
    if command.spend:
        found = SPEND[command.spend]
    elif command.html or (command.status and command.status != 200):
        found = problem(command.status or 502, command.message, command.error_type, command.error_code)
    else:
        return None
    return msgspec.structs.replace(found, headers=(*found.headers, *_hints(command)))


def _hints(command: Command) -> list[tuple[str, str]]:
    hints = []
    if command.retry_after is not None:
        hints.append(("retry-after", str(command.retry_after)))
    if command.retry_after_ms is not None:
        hints.append(("retry-after-ms", str(command.retry_after_ms)))
    if command.should_retry is not None:
        hints.append(("x-should-retry", str(command.should_retry).lower()))
    return hints


def error_json(trouble: Problem, request_id: str) -> bytes:
    """The body of an error reply, and of an `error` event in a stream."""
    error: dict[str, Any] = {"type": trouble.type, "message": trouble.message}
    if trouble.code:
        error["details"] = {"error_code": trouble.code}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
