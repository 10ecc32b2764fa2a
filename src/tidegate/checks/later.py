"""Parts of the view of a project that take time, and are looked at only when a check asks."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A value that is worked out when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []

    def get(self) -> T:
        """The value."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]
