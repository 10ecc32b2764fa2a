"""Who asks: `caller(user=…, route=…)` for a block or a function, and `bind`, which carries it into a thread.

Rules:
1. The caller is context-local: a task, and a thread, has its own; a new task starts with that of its maker.
2. Nested blocks inherit what they do not give.
3. One value may be entered any number of times, also at once in several tasks: its blocks are kept in the context.
4. A block that ends out of order (two generators, interleaved) takes away itself only, never another one.
5. A decorated generator has its caller while it runs, and its consumer keeps its own.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar, cast

from tidegate.model.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


class Who(NamedTuple):
    """The names as they were given; None: not given."""

    user: str | None
    route: str | None


class _Block(NamedTuple):
    """One entered block, and those around it."""

    owner: object
    who: Who
    outer: "_Block | None"


class _NotGiven:
    """Nothing was given, which is not the same as None."""


_NOT_GIVEN: Final = _NotGiven()
_NOBODY: Final = Who(None, None)
_BLOCK: ContextVar[_Block | None] = ContextVar("tidegate_caller", default=None)


def caller(*, user: str | _NotGiven = _NOT_GIVEN, route: str | _NotGiven = _NOT_GIVEN) -> "Acting":
    """Say for whom the calls are made: `with tidegate.caller(user="u-1"): …`, or as a decorator of a function.

    Any text will do: what is not at most 128 bytes of `[A-Za-z0-9._:@/-]` is kept as a keyed hash.

    Args:
        user: who asks; limits and budgets `per = "user"` count by it.
        route: the feature of the application that asks, as in `[routes.NAME]`; default: `default`.
    """
    if isinstance(user, _NotGiven) and isinstance(route, _NotGiven):
        raise TypeError("tidegate.caller() needs user= or route=")
    return Acting(Who(_name("user", user), _name("route", route)))


def bind(function: F) -> F:
    """The same function, but run for the caller of this moment: for threads, which begin with none.

    `executor.submit(tidegate.bind(work), …)`; `loop.run_in_executor(None, tidegate.bind(work))`.
    """
    if not callable(function):
        raise TypeError(f"tidegate.bind() takes a function, not {type(function).__name__}")
    who = current()
    return _wrapped(function, lambda: _Bound(who))


def current() -> Who:
    """The caller of this moment."""
    block = _BLOCK.get()
    return _NOBODY if block is None else block.who


class Acting:
    """What `caller` gives: a context manager and a decorator."""

    def __init__(self, who: Who) -> None:
        self._who = who

    def __enter__(self) -> Self:
        outer = _BLOCK.get()
        around = _NOBODY if outer is None else outer.who
        who = Who(self._who.user or around.user, self._who.route or around.route)
        _BLOCK.set(_Block(self, who, outer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _BLOCK.set(_without(_BLOCK.get(), self))

    def __call__(self, function: F) -> F:
        """Decorate a function, plain or async, or a generator function."""
        if inspect.isclass(function) or not callable(function):
            raise TypeError("tidegate.caller() decorates functions")
        return _wrapped(function, lambda: self)

    def __repr__(self) -> str:
        """Without the names: they may be somebody's."""
        return "<tidegate.caller>"


class _Bound:
    """A block with exactly this caller, whatever is around it."""

    def __init__(self, who: Who) -> None:
        self._who = who

    def __enter__(self) -> None:
        _BLOCK.set(_Block(self, self._who, _BLOCK.get()))

    def __exit__(self, *_: object) -> None:
        _BLOCK.set(_without(_BLOCK.get(), self))


def _without(block: _Block | None, owner: object) -> _Block | None:
    """The blocks without the innermost of this owner."""
    if block is None or block.owner is owner:
        return None if block is None else block.outer
    return block._replace(outer=_without(block.outer, owner))


def _name(what: str, given: str | _NotGiven) -> str | None:
    if isinstance(given, _NotGiven):
        return None
    if not isinstance(given, str):
        hint = "; leave it out where nobody is known" if given is None else f"; write {what}=str(…)"
        raise TypeError(f"tidegate.caller({what}=…) takes a text, not {type(given).__name__}{hint}")
    if not given.strip():
        raise ConfigError(f"tidegate.caller({what}=…) must not be empty; leave it out where nobody is known")
    return given.strip()


def _wrapped(function: F, block: Callable[[], AbstractContextManager[Any]]) -> F:
    if inspect.isasyncgenfunction(function):
        return cast("F", _async_generator(function, block))
    if inspect.isgeneratorfunction(function):
        return cast("F", _generator(function, block))
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await function(*args, **kwargs)

        return cast("F", run_async)

    # An object with a method may lack what `wraps` copies; it copies what is there.
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with block():
            result = function(*args, **kwargs)
        return _awaited(result, block) if inspect.iscoroutine(result) else result

    return cast("F", run)


async def _awaited(work: Coroutine[Any, Any, Any], block: Callable[[], AbstractContextManager[Any]]) -> Any:
    with block():
        return await work


def _generator(function: Callable[..., Any], block: Callable[[], AbstractContextManager[Any]]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = function(*args, **kwargs)
        step = functools.partial(next, steps)
        while True:
            with block():
                try:
                    item = step()
                except StopIteration as end:
                    return end.value
            try:
                step = functools.partial(steps.send, (yield item))
            except GeneratorExit:
                with block():
                    steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the inner one's to handle
                step = functools.partial(steps.throw, error)

    return run


def _async_generator(
    function: Callable[..., Any], block: Callable[[], AbstractContextManager[Any]]
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **kwargs)
        step = functools.partial(anext, steps)
        while True:
            with block():
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
            try:
                step = functools.partial(steps.asend, (yield item))
            except GeneratorExit:
                with block():
                    await steps.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the inner one's to handle
                step = functools.partial(steps.athrow, error)

    return run
