"""A call: who asks, and what the policy needs to know of the request."""

from typing import Literal

from msgspec import Struct

CacheTtl = Literal["none", "5m", "1h"]


class Caller(Struct, frozen=True, gc=False, array_like=True):
    """Who asks.  All three are safe strings: at most 128 bytes of `[A-Za-z0-9._:@/-]`, anything else was hashed."""

    app: str
    user_id: str
    route: str


class Reading(Struct, frozen=True, gc=False):
    """What the policy needs of a Messages request; made from the raw bytes, which stay as they are."""

    model: str
    max_tokens: int | None
    """None when the request names none."""
    size: int
    """Bytes of the whole body."""
    text_bytes: int
    """Bytes that may become text tokens: the body without base64 data of images and PDFs."""
    stream: bool = False
    metadata_user: str | None = None
    images: int = 0
    """Images whose data is in the body."""
    documents: int = 0
    """PDFs whose data is in the body."""
    unknown_inputs: int = 0
    """Inputs whose size is hidden: a URL, a file id."""
    tools: int = 0
    tool_overhead: int = 0
    """Most tokens that Anthropic adds: for declared tools, for mentions of them, around cited sentences."""
    cache: CacheTtl = "none"
    """The dearest cache write that the request can cause."""
    geo: str | None = None
    speed: str | None = None
    thinking_budget: int | None = None
    unbounded: tuple[str, ...] = ()
    """Names of the features that have no bound: server tools that loop, MCP servers, fallbacks, compaction, ..."""
    searches: int = 0
    """Most paid web searches that the request allows, as far as it says."""


class Bound(Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """The worst case of one attempt: what is held for it before it is sent."""

    cost: int
    """Nano-dollars."""
    input_cost: int
    """The input part of `cost`; the rest is output."""
    input_tokens: int
    output_tokens: int
    soft: bool = False
    """True when the bound is an estimate that the bill may exceed."""
