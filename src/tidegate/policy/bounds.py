"""The worst case of one attempt: what is held before it is sent.

`strict` is a true bound for every request without an unbounded feature: no usage with at most its tokens costs more, at
any price that can apply.  The other three are estimates or corrected by a count, and say so.

The tokens of text are bounded by 2.5 a byte: the worst pattern found for any of Anthropic's tokenizers has 2.33
(claude-api.md 8.3).  Nothing in a prompt exceeds the model's context window, because the API refuses longer ones.
"""

from math import ceil
from typing import Final

from msgspec.structs import replace

from tidegate.model.call import Bound, Reading
from tidegate.model.usage import Usage
from tidegate.policy.prices import Price
from tidegate.policy.pricing import UNIT, cost

FRAME_TOKENS: Final = 500
"""What surrounds every prompt: roles, thinking and output-format instructions; not documented, with a margin."""
PDF_PAGES: Final = 600
PAGE_TOKENS: Final = 3_000
"""Text of a PDF page; its picture is an image besides."""
COUNT_PERCENT: Final = 5
COUNT_TOKENS: Final = 64
"""Margin on `count_tokens`, which may be off by a small amount."""
ITERATIONS: Final = 10
"""Samplings inside one request after the first, when server tools loop: Anthropic pauses the turn after about ten."""
RESULT_TOKENS: Final = 10_000
"""What one iteration adds to the prompt: search results, a fetched page, the output of code."""
WINDOWS: Final = 3
"""Most context windows that an estimate for an unbounded request holds."""
TOKENS_PER_BYTE: Final = 0.45
"""Honest text needs 0.25 to 0.4 (claude-api.md 8.3)."""
HIDDEN_TOKENS: Final = 30_000
"""An average for a PDF or an input of unknown size, for estimates only."""


def strict(reading: Reading, price: Price) -> Bound:
    """The bound that holds whatever the content is."""
    return _bound(reading, price, _most_input(reading, price), _output(reading, price))


def counted(reading: Reading, price: Price, counted_tokens: int) -> Bound:
    """The bound from an answer of `count_tokens` with a margin; never above `strict`."""
    margin = -(-counted_tokens * COUNT_PERCENT // 100) + COUNT_TOKENS
    tokens = min(_most_input(reading, price), counted_tokens + margin)
    return _bound(reading, price, tokens, _output(reading, price))


def estimated(reading: Reading, price: Price, tokens_per_byte: float = TOKENS_PER_BYTE) -> Bound:
    """A soft bound from a learned ratio of tokens to bytes of text; never above `strict`."""
    millionths = ceil(tokens_per_byte * 1_000_000)
    text = -(-reading.text_bytes * millionths // 1_000_000)
    hidden = (reading.documents + reading.unknown_inputs) * HIDDEN_TOKENS
    tokens = FRAME_TOKENS + text + reading.tool_overhead + reading.images * price.image_tokens + hidden
    tokens = min(_most_input(reading, price), tokens)
    return _soft(_bound(reading, price, tokens, _output(reading, price)))


def unbounded(reading: Reading, price: Price) -> Bound:
    """A generous estimate for a request that has no bound.

    Claude samples again and again inside it, and each sampling reads the prompt and all that came before.  So the
    prompt is taken ITERATIONS + 1 times, with RESULT_TOKENS more each time, but at most WINDOWS context windows; the
    output twice, because advisors, fallbacks and compactions write too; and the searches that the request allows, or
    ITERATIONS when it names no number.
    """
    once = _most_input(reading, price) + RESULT_TOKENS
    tokens = min(once * (ITERATIONS + 1), WINDOWS * price.context_window)
    bound = _bound(reading, price, tokens, 2 * _output(reading, price))
    searches = (reading.searches or ITERATIONS) * price.web_search if "web_search" in reading.unbounded else 0
    return _soft(replace(bound, cost=bound.cost + searches, input_cost=bound.input_cost + searches))


def cut_cost(price: Price, bound: Bound, usage: Usage) -> int:
    """What a cut answer is charged: the exact input as reported at its start, and the whole output part of the hold."""
    start = replace(usage, output_tokens=0, thinking_tokens=0)
    return cost(price, start) + bound.cost - bound.input_cost


def _most_input(reading: Reading, price: Price) -> int:
    if reading.unknown_inputs:
        return price.context_window
    media = 0
    if reading.images or reading.documents:
        pages = reading.documents * PDF_PAGES
        media = reading.images * price.image_tokens + pages * (PAGE_TOKENS + price.image_tokens)
    # Five halves of a byte, rounded up.
    tokens = FRAME_TOKENS + (reading.text_bytes * 5 + 1) // 2 + reading.tool_overhead + media
    return tokens if tokens < price.context_window else price.context_window  # noqa: FURB136 - `min` takes twice as long


def _output(reading: Reading, price: Price) -> int:
    tokens, thinking = reading.max_tokens, reading.thinking_budget
    if tokens is None:
        return price.max_output
    if thinking is None or thinking < tokens or not tokens:  # 0 only fills the cache
        return tokens
    # Thinking between calls of tools may have a budget above max_tokens, which then does not bound it.  What does is
    # the longest answer of the model, or both together where they are more; and the window, where everything ends.
    return max(tokens, min(price.context_window, max(price.max_output, tokens + thinking)))


def _bound(reading: Reading, price: Price, input_tokens: int, output_tokens: int) -> Bound:
    """Every token at the dearest rate that can apply to it."""
    rates = price.rates if price.tier_rates is None else price.rates_at(input_tokens)
    rate = rates.input if rates.input > rates.cache_read else rates.cache_read  # noqa: FURB136 - as above
    if reading.cache != "none":
        rate = max(rate, rates.cache_write_5m, rates.cache_write_1h if reading.cache == "1h" else 0)
    # A workspace may have a region of its own, so only a request that says `global` is surely without a surcharge.
    percent = 100 if reading.geo == "global" else price.geo_percent
    fast = price.fast_percent if reading.speed is not None and reading.speed != "standard" else 100
    times = percent * fast * 2
    input_units = input_tokens * rate * times
    return Bound(
        cost=-(-(input_units + output_tokens * rates.output * times) // UNIT),
        input_cost=-(-input_units // UNIT),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


def _soft(bound: Bound) -> Bound:
    return replace(bound, soft=True)
