"""The fake's own account of every request: one row each, running totals, and a file that survives a crash.

Nothing of a request's content is kept: only sizes, digests, header names and token counts.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tidegate.fake.usage import Iteration

_encode = msgspec.json.Encoder().encode


class Row(msgspec.Struct, gc=False, kw_only=True):
    """One request as the fake saw it; token classes and cost are what is billed."""

    seq: int
    received_at: float
    ended_at: float | None = None
    request_id: str
    connection: int
    method: str
    path: str
    query: str = ""
    credential: str = ""
    credential_header: str = ""
    model: str = ""
    model_served: str = ""
    stream: bool = False
    max_tokens: int | None = None
    status: int | None = None
    ending: str = "open"
    fault: str = ""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_searches: int = 0
    service_tier: str = "standard"
    speed: str = "standard"
    geo: str = "global"
    iterations: tuple[Iteration, ...] = ()
    cost: int = 0
    request_sha256: str = ""
    request_bytes: int = 0
    response_sha256: str = ""
    response_bytes: int = 0
    retry_count: int | None = None
    headers: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    anthropic_version: str = ""
    anthropic_beta: str = ""
    user_agent: str = ""
    kept_headers: dict[str, str] | None = None


class Totals(msgspec.Struct, frozen=True):
    """Running sums; `attempts` counts `POST /v1/messages` alone, `requests` everything."""

    attempts: int
    requests: int
    open: int
    ended: int
    peak_concurrent: int
    cost_settled: int
    cost_now: int
    """Settled plus what the open attempts have used so far."""
    input_tokens: int
    output_tokens: int
    endings: dict[str, int]
    rows_dropped: int


class Books:
    """Rows in memory, totals, and the append-only file."""

    def __init__(self, file: Path | None = None, keep_rows: int = 200_000) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if file else None
        self._keep = keep_rows
        self.watchers: list[Callable[[], None]] = []
        self._start()

    def _start(self) -> None:
        self.rows: deque[Row] = deque(maxlen=self._keep)
        self.open: dict[int, tuple[Row, Callable[[], int]]] = {}
        self._requests = self._attempts = self._ended = self._peak = 0
        self._cost = self._input = self._output = 0
        self._endings: dict[str, int] = {}

    def reset(self) -> None:
        """Begin anew; what is still open is forgotten."""
        self._start()
        self._changed()

    def next_seq(self) -> int:
        """The number of the next row."""
        return self._requests + 1

    def begin(self, row: Row, accrued: Callable[[], int]) -> None:
        """Enter a request; `accrued` tells its cost so far for as long as it is open."""
        self._requests += 1
        self.rows.append(row)
        if is_attempt(row):
            self._attempts += 1
            self.open[row.seq] = (row, accrued)
            self._peak = max(self._peak, len(self.open))
        if self._file is not None:
            os.write(self._file, _encode({"event": "start", **_brief(row)}) + b"\n")
        if self.watchers:
            self._changed()

    def end(self, row: Row, ending: str) -> None:
        """Close a row whose numbers are final."""
        row.ending = ending
        row.ended_at = time.time()
        if is_attempt(row):
            found = self.open.get(row.seq)
            if found is None or found[0] is not row:
                return
            del self.open[row.seq]
            self._ended += 1
            self._cost += row.cost
            self._input += (
                row.input_tokens + row.cache_read_tokens + row.cache_write_5m_tokens + row.cache_write_1h_tokens
            )
            self._output += row.output_tokens
            self._endings[ending] = self._endings.get(ending, 0) + 1
        if self._file is not None:
            os.write(self._file, b'{"event":"end",' + _encode(row)[1:] + b"\n")
        if self.watchers:
            self._changed()

    def totals(self) -> Totals:
        """The sums at this moment."""
        return Totals(
            attempts=self._attempts,
            requests=self._requests,
            open=len(self.open),
            ended=self._ended,
            peak_concurrent=self._peak,
            cost_settled=self._cost,
            cost_now=self._cost + sum(accrued() for _, accrued in self.open.values()),
            input_tokens=self._input,
            output_tokens=self._output,
            endings=dict(self._endings),
            rows_dropped=self._requests - len(self.rows),
        )

    def _changed(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()


def is_attempt(row: Row) -> bool:
    """Whether the row is one that may cost money."""
    return row.path == "/v1/messages" and row.method == "POST"


def _brief(row: Row) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "received_at": row.received_at,
        "request_id": row.request_id,
        "method": row.method,
        "path": row.path,
        "model": row.model,
        "stream": row.stream,
        "credential": row.credential,
        "request_sha256": row.request_sha256,
        "request_bytes": row.request_bytes,
        "retry_count": row.retry_count,
    }
