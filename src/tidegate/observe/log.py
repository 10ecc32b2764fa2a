"""One line per call: `claude_call_success`, `claude_call_error`, `claude_call_refused`; never content."""

import sys
from collections.abc import Callable
from time import time_ns
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog

from tidegate.model.facts import (
    AttemptSettled,
    CallFailed,
    CallRefused,
    CallSucceeded,
    Fact,
    HoldExceeded,
    KeyRejected,
    LeaseExpired,
)
from tidegate.model.hold import Charge
from tidegate.model.texts import Texts, fill
from tidegate.model.times import rfc3339
from tidegate.observe.lines import Lines
from tidegate.policy.replies import refusal_text

LogFormat = Literal["json", "readable"]

KEY_REJECTED = "This upstream does not accept its api_key; nothing is answered there until the key is a good one."

Out = TextIO | Lines


def make_logger(form: LogFormat, out: Out | None = None, *, debug: bool = False) -> Any:
    """A structlog logger of our own: the application's logging set-up stays untouched."""
    out = out or sys.stdout
    if form == "json":
        return JsonLogger(out if isinstance(out, Lines) else structlog.WriteLogger(out), [], {"debug": debug})
    return structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", out)),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=out.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(10 if debug else 20),
        cache_logger_on_first_use=True,
    )


_encode = msgspec.json.Encoder().encode


class JsonLogger(structlog.BoundLoggerBase):
    """A structlog logger without a chain of processors: every call passes here, and one JSON line is all it needs."""

    def is_enabled_for(self, level: int) -> bool:
        """As the logging module counts levels."""
        return level >= 20 or bool(self._context["debug"])

    def debug(self, event: str, **fields: Any) -> None:
        """A line for whoever looks closely."""
        if self._context["debug"]:
            self._line("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """A line about what went well."""
        self._line("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """A line about what somebody should know."""
        self._line("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """A line about what went wrong."""
        self._line("error", event, fields)

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> None:
        # The head is written by hand, since its words are ours: no second dictionary for every call.
        head = f'{{"at":"{rfc3339(time_ns() // 1000)}","level":"{level}","event":"{event}"'
        rest = _encode(fields).decode()
        self._logger.msg(f"{head},{rest[1:]}" if fields else f"{head}}}")

    def succeeded(self, line: "_Success") -> None:
        """`claude_call_success`, which nearly every call ends with."""
        line.at = rfc3339(time_ns() // 1000)
        self._logger.msg(_encode(line).decode())


class _Success(msgspec.Struct, gc=False):
    """The line `claude_call_success`; JSON takes it from here in half the time that keywords need."""

    at: str
    """When it is written; empty until then."""
    level: str
    event: str
    call_id: str
    app: str
    user_id: str
    route: str
    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    thinking_tokens: int
    duration_ms: int
    first_byte_ms: int | None
    cost: int
    exactness: str
    outcome: str
    stop_reason: str | None
    attempt: int
    upstream: str
    degraded: str | None
    upstream_request_id: str | None


_FIELDS = _Success.__struct_fields__[3:]


class LogFacts:
    """The observer that writes facts to a log."""

    def __init__(self, logger: Any, texts: Texts) -> None:
        self._logger = logger
        self._texts = texts
        self._succeeded: Callable[[_Success], None] = (
            logger.succeeded if isinstance(logger, JsonLogger) else self._tell_success
        )
        self._write: dict[type, Callable[[Any], object]] = {
            CallSucceeded: self._success,
            CallFailed: self._error,
            CallRefused: self._refused,
            AttemptSettled: self._attempt if logger.is_enabled_for(10) else id,  # told every time: no frame for nothing
            HoldExceeded: self._exceeded,
            LeaseExpired: self._expired,
            KeyRejected: self._rejected,
        }

    def __call__(self, fact: Fact) -> None:
        """Write the line of a fact."""
        self._write[type(fact)](fact)

    def _success(self, fact: CallSucceeded) -> None:
        charge, usage = fact.charge, fact.charge.usage
        self._succeeded(
            _Success(
                "",
                "info",
                "claude_call_success",
                charge.call_id,
                charge.app,
                charge.user_id,
                charge.route,
                charge.model,
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.cache_write_5m_tokens,
                usage.cache_write_1h_tokens,
                usage.output_tokens,
                usage.thinking_tokens,
                fact.duration_ms,
                charge.first_byte_ms,
                fact.cost,
                charge.exactness,
                charge.outcome,
                charge.stop_reason,
                charge.attempt,
                charge.upstream,
                fact.degraded,
                charge.upstream_request_id,
            )
        )

    def _tell_success(self, line: _Success) -> None:
        """For a logger that people read."""
        _, _, event, *values = msgspec.structs.astuple(line)
        self._logger.info(event, **dict(zip(_FIELDS, values, strict=True)))

    def _error(self, fact: CallFailed) -> None:
        self._logger.error(
            "claude_call_error",
            call_id=fact.call_id,
            app=fact.caller.app,
            user_id=fact.caller.user_id,
            route=fact.caller.route,
            model=fact.model,
            duration_ms=fact.duration_ms,
            error_type=fact.error_type,
            error_message=fill(self._texts, fact.reason),
            status=fact.status,
            attempt=fact.attempts,
            cost=fact.cost,
            degraded=fact.degraded,
            upstream_request_id=fact.upstream_request_id,
        )

    def _refused(self, fact: CallRefused) -> None:
        self._logger.warning(
            "claude_call_refused",
            call_id=fact.call_id,
            app=fact.caller.app,
            user_id=fact.caller.user_id,
            route=fact.caller.route,
            model=fact.model,
            reason=fact.refusal.reason,
            scope=fact.refusal.scope,
            error_message=refusal_text(fact.refusal, self._texts),
        )

    def _attempt(self, fact: AttemptSettled) -> None:
        charge = fact.charge
        self._logger.debug(
            "claude_attempt",
            **_who(charge),
            attempt_id=charge.attempt_id,
            attempt=charge.attempt,
            outcome=charge.outcome,
            error_type=charge.error_type,
            status=charge.status,
            held=charge.held,
            cost=charge.cost,
            exactness=charge.exactness,
        )

    def _exceeded(self, fact: HoldExceeded) -> None:
        charge = fact.charge
        self._logger.error(
            "hold_exceeded", **_who(charge), attempt_id=charge.attempt_id, held=charge.held, cost=charge.cost
        )

    def _expired(self, fact: LeaseExpired) -> None:
        charge = fact.charge
        self._logger.warning(
            "lease_expired",
            **_who(charge),
            attempt_id=charge.attempt_id,
            cost=charge.cost,
            admitted_at=rfc3339(charge.started_at),
        )

    def _rejected(self, fact: KeyRejected) -> None:
        self._logger.error("upstream_key_rejected", upstream=fact.upstream, error_message=KEY_REJECTED)


def _who(charge: Charge) -> dict[str, Any]:
    return {
        "call_id": charge.call_id,
        "app": charge.app,
        "user_id": charge.user_id,
        "route": charge.route,
        "model": charge.model,
    }
