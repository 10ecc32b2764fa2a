"""The prompt cache: which prefixes were seen lately, and how a prompt divides into reads, writes and the rest."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tidegate.fake.prompt import Segment, prompt_tokens

LIVES = {"5m": 300.0, "1h": 3_600.0}
"""How long an entry lives after it was last used, in seconds."""

LOOK_BACK = 20
"""How many segments before a mark an older entry is found."""

_encode = msgspec.json.Encoder().encode


class Split(NamedTuple):
    """The tokens of a prompt by how they are served."""

    input: int
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0


class Entry(NamedTuple):
    """A cached prefix: until when, and for how long each use keeps it."""

    until: float
    life: float


class PromptCache:
    """Prefixes by owner (credential and model) and hash; they expire."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def serve(self, segments: Sequence[Segment], owner: str, least: int, now: float) -> Split:
        """Divide the prompt, and remember its marked prefixes of at least `least` tokens."""
        total = prompt_tokens(list(segments))
        marks = [index for index, each in enumerate(segments) if each.ttl]
        if not marks:
            return Split(total)
        digests, sums = _prefixes(segments[: marks[-1] + 1], owner)
        marks = [index for index in marks if sums[index] >= least]
        if not marks:
            return Split(total)
        hit = self._longest_hit(digests, marks, now)
        read = sums[hit] if hit >= 0 else 0
        written = {"5m": 0, "1h": 0}
        done = read
        for index in marks:
            if index > hit:
                ttl = segments[index].ttl
                written[ttl] += sums[index] - done
                done = sums[index]
                self._entries[digests[index]] = Entry(now + LIVES[ttl], LIVES[ttl])
        return Split(total - done, written["5m"], written["1h"], read)

    def _longest_hit(self, digests: Sequence[bytes], marks: Sequence[int], now: float) -> int:
        """The last segment of the longest live prefix within reach of a mark; -1 where there is none."""
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - LOOK_BACK), -1):
                entry = self._entries.get(digests[index])
                if entry and entry.until > now:
                    self._entries[digests[index]] = Entry(now + entry.life, entry.life)
                    return index
        return -1


def _prefixes(segments: Sequence[Segment], owner: str) -> tuple[list[bytes], list[int]]:
    """Digest and token sum of the prefix that ends at each segment."""
    running = hashlib.sha256(owner.encode())
    digests, sums, total = [], [], 0
    for each in segments:
        running.update(_encode(_unmarked(each.content)) + b"\0")
        digests.append(running.digest())
        total += each.tokens
        sums.append(total)
    return digests, sums


def _unmarked(content: object) -> object:
    """A segment without its cache marks: moving those does not change the prompt."""
    if isinstance(content, dict):
        return {name: value for name, value in content.items() if name != "cache_control"}
    if isinstance(content, tuple):
        role, block = content
        return [role, _unmarked(block) if isinstance(block, dict) else block]
    return content
