"""Texts that no log, traceback or dump shows: the two secrets of the environment, and the environment itself."""

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn, final

_PASSWORD = re.compile(r"(?<=://)[^/?#@]*@")


def without_password(url: str) -> str:
    """The URL with whatever stands before the @ replaced."""
    return _PASSWORD.sub("***@", url)


@final
class Hidden:
    """A text that only `reveal()` shows; msgspec, pickle and copy refuse it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Hidden(***)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a hidden text cannot be pickled or copied")


@final
class HiddenEnvironment(Mapping[str, str]):
    """Environment variables as they were read, frozen; shows how many there are and nothing else."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"HiddenEnvironment({len(self)} variables)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an environment cannot be pickled or copied")
