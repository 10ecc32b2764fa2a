"""Editing a request's bytes where the policy must: one number, and the body of a `count_tokens` request.

Everything else stays byte for byte, because serialising anew breaks prompt caches and thinking signatures.
The body was read before (`read`), so it is a JSON object without repeated names.
"""

from typing import Final

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.policy.scan import insertion, leading_span, spans

COUNTED: Final = (
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "speed", "cache_control",
)  # fmt: skip
"""The fields that count_tokens takes."""

_BODY: Decoder[dict[str, Raw]] = Decoder(dict[str, Raw])


def with_max_tokens(body: bytes, value: int, *, absent: bool = False) -> bytes:
    """The body with this `max_tokens`: its number is replaced, or the field inserted after the opening brace.

    `absent` saves the search when the reading has no `max_tokens`.
    """
    span = None if absent else _span(body)
    number = b"%d" % value
    if span is not None:
        return body[: span[0]] + number + body[span[1] :]
    at, empty = insertion(body)
    return body[:at] + b'"max_tokens":' + number + (b"" if empty else b",") + body[at:]


def with_model(body: bytes, model: str) -> bytes:
    """The body with another model's name, which is a label: nothing in it needs to be escaped."""
    span = leading_span(body, "model") or spans(body, _BODY.decode(body))["model"]
    return body[: span[0]] + b'"%b"' % model.encode() + body[span[1] :]


def count_tokens_body(body: bytes) -> bytes:
    """The body of the `count_tokens` request that counts this one's prompt; values are copied byte for byte."""
    fields = _BODY.decode(body)
    return (
        b"{" + b",".join(b'"%b":%b' % (name.encode(), bytes(fields[name])) for name in COUNTED if name in fields) + b"}"
    )


def _span(body: bytes) -> tuple[int, int] | None:
    return leading_span(body, "max_tokens") or spans(body, _BODY.decode(body)).get("max_tokens")
