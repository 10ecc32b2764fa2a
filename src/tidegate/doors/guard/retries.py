"""The retry budget behind threads: one for all Gates of a process, and one thread in it at a time."""

import threading

from tidegate.policy.retry import RetryBudget


class ThreadRetries(RetryBudget):
    """The core's, with a lock."""

    def __init__(self, share: float, window: float) -> None:
        super().__init__(share, window)
        self._lock = threading.Lock()

    def attempted(self, ticks: float) -> None:
        """As the policy's."""
        with self._lock:
            super().attempted(ticks)

    def allows(self, ticks: float) -> bool:
        """As the policy's."""
        with self._lock:
            return super().allows(ticks)
