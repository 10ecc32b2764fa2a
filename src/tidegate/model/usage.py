"""Usage: the token counts that Claude reported; Bill: usage x prices, with its exactness."""

from typing import Literal

from msgspec import Struct

Exactness = Literal["actual", "estimated", "assumed"]
Outcome = Literal["ok", "model_refusal", "upstream_error", "cut", "aborted", "timeout", "crashed"]


class Usage(Struct, frozen=True, gc=False, kw_only=True):
    """Token counts of one attempt or iteration, in Anthropic's sense: `input_tokens` is the uncached part."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    """A part of `output_tokens`, never added to it."""
    web_searches: int = 0
    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt: uncached, read from cache and written to cache."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens


class Part(Struct, frozen=True, gc=False):
    """One priced part of an answer: a sampling iteration, a compaction, an advisor's sub-call."""

    model: str
    usage: Usage


class Metered(Struct, frozen=True, gc=False, kw_only=True):
    """All that the meter read from a reply, content excluded."""

    model: str | None = None
    """The model that answered, as the reply says; None when nothing was said."""
    usage: Usage | None = None
    """The total over all parts; None when the reply never reported usage."""
    parts: tuple[Part, ...] = ()
    """What is priced: one part for a plain answer, one per iteration otherwise."""
    stop_reason: str | None = None
    error_type: str | None = None
    """Type of an error event inside a stream, or of an error body."""
    started: bool = False
    """`message_start` (or a JSON message) was seen: the input side is exact."""
    finished: bool = False
    """Final usage was seen."""
    ended: bool = False
    """`message_stop` (or the end of a JSON message) was seen."""
    silent: bool = True
    """Nothing of an output was seen: a refusal by the model is then free of charge."""


class Bill(Struct, frozen=True, gc=False):
    """What an attempt cost: nano-dollars and how sure that is."""

    cost: int
    exactness: Exactness
