"""Telling how a call ended: one fact for each call, whatever happens on its way."""

from tidegate.core.call import Call
from tidegate.core.ports import Clock, Observe
from tidegate.model.facts import CallFailed, CallSucceeded, Fact, KeyRejected
from tidegate.model.hold import Charge
from tidegate.policy.final import Answer


class Telling:
    """What a call has cost so far, and the one fact about its end: the first that is told counts."""

    # As every call begins.
    attempts = 0
    """Attempts begun."""
    models: tuple[str, ...] = ()
    """The models' names in scopes that attempts have failed for."""
    degraded: str | None = None
    """The step that answers, when it is not the first."""
    _told = False
    _last: Charge | None = None
    _spent = 0

    def __init__(self, call: Call, clock: Clock, observe: Observe) -> None:
        # Not the call itself: a stream lives long, and with it would its request, which may be large.
        self._call_id = call.call_id
        self._caller = call.caller
        self._model = call.model
        self._started = call.started
        self._clock = clock
        self._observe = observe

    def charged(self, charge: Charge) -> None:
        """One more attempt has its charge."""
        self._last = charge
        self._spent += charge.cost

    def ended(self, charge: Charge) -> None:
        """The call ended with this attempt."""
        if charge.outcome == "ok" or charge.outcome == "model_refusal":  # noqa: PLR1714 - nearly always the first
            if not self._told:
                self._told = True
                self._observe(CallSucceeded(charge, self._elapsed_ms(), self._spent, self.degraded))
        else:
            self._tell(self._failed(charge.error_type or charge.outcome, charge.outcome, charge.status))

    def failed(self, answer: Answer, status: int | None) -> None:
        """No attempt brought an answer, and this is the reply; `status` is that of the upstream's error."""
        if status is None and self._last is not None and self._last.attempt == self.attempts:
            status = self._last.status  # it had begun well
        self._tell(self._failed(answer.error_type, answer.reason, status, answer.request_id))

    def key_rejected(self, upstream: str) -> None:
        """An upstream does not take our key, whatever becomes of the call."""
        self._observe(KeyRejected(upstream))

    def left(self) -> None:
        """The caller has left, or something broke, before anything else could be told."""
        self._tell(self._failed("aborted", "aborted", None))

    def _failed(self, error_type: str, reason: str, status: int | None, request_id: str | None = None) -> CallFailed:
        last = self._last
        return CallFailed(
            call_id=self._call_id,
            caller=self._caller,
            model=self._model if last is None else last.model,
            duration_ms=self._elapsed_ms(),
            attempts=self.attempts,
            error_type=error_type,
            reason=reason,
            status=status,
            cost=self._spent,
            degraded=self.degraded,
            upstream_request_id=request_id or (None if last is None else last.upstream_request_id),
        )

    def _tell(self, fact: CallSucceeded | CallFailed) -> None:
        if not self._told:
            self._told = True
            self._observe(fact)

    def _elapsed_ms(self) -> int:
        return int((self._clock.ticks() - self._started) * 1000 + 0.5)


def unfailing(observe: Observe) -> Observe:
    """An observer whose troubles with its outside (a full disk, a closed pipe) are its own: no call may end by them."""

    def tell(fact: Fact) -> None:
        try:  # noqa: SIM105 - it costs nothing, `suppress` costs as much as the observer
            observe(fact)
        except (OSError, ValueError):  # ValueError: the file is closed
            pass

    return tell
