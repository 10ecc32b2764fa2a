"""What `estimated` learns: how many tokens a byte of text has become, per model."""

from msgspec import Struct

DEFAULT = 0.45
"""Tokens per byte before anything was learned: prose and code stay below it on every tokenizer (claude-api.md 8.3)."""

QUANTILE = 0.95
"""Share of the calls whose prompt must fit the estimate."""

ENOUGH = 50
"""Calls of a model before its own ratio counts."""

_STEPS = 50
_WIDTH = 2.5 / _STEPS
"""Of a bucket: ratios run from 0 to 2.5, the bound of `strict`."""

_OLD = 10_000
"""Calls after which old ones weigh half, so that a change of use is followed."""


class Ratio(Struct):
    """A histogram of tokens per byte."""

    counts: list[int]
    total: int = 0

    def learn(self, tokens: int, text_bytes: int) -> None:
        """One call whose prompt of that many bytes of text became that many tokens."""
        if text_bytes <= 0:
            return
        self.counts[min(_STEPS - 1, int(tokens / text_bytes / _WIDTH))] += 1
        self.total += 1
        if self.total >= _OLD:
            self.counts = [count // 2 for count in self.counts]
            self.total = sum(self.counts)

    def tokens_per_byte(self) -> float:
        """The upper edge of the bucket that holds the quantile; the default while little is known."""
        if self.total < ENOUGH:
            return DEFAULT
        seen = 0
        for step, count in enumerate(self.counts):
            seen += count
            if seen >= QUANTILE * self.total:
                return (step + 1) * _WIDTH
        return 2.5


def new_ratio() -> Ratio:
    """A ratio that knows nothing yet."""
    return Ratio([0] * _STEPS)
