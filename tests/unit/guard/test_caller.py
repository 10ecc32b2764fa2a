"""Who asks: context-local, nested, in tasks, threads and generators."""

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import tidegate
from tidegate.doors.guard.caller import Who, current
from tidegate.model.errors import ConfigError

NOBODY = Who(None, None)


def test_nobody_at_first() -> None:
    assert current() == NOBODY


def test_a_block() -> None:
    with tidegate.caller(user="u-1", route="chat"):
        assert current() == Who("u-1", "chat")
    assert current() == NOBODY


def test_nested_blocks_inherit_what_they_do_not_give() -> None:
    with tidegate.caller(user="u-1", route="chat"):
        with tidegate.caller(route="search"):
            assert current() == Who("u-1", "search")
            with tidegate.caller(user="u-2"):
                assert current() == Who("u-2", "search")
        assert current() == Who("u-1", "chat")


def test_an_exception_ends_the_block() -> None:
    with pytest.raises(KeyError), tidegate.caller(user="u-1"):
        raise KeyError
    assert current() == NOBODY


def test_one_value_any_number_of_times() -> None:
    acting = tidegate.caller(user="u-1")
    with acting, acting, tidegate.caller(route="chat"), acting:
        assert current() == Who("u-1", "chat")
    with acting:
        assert current().user == "u-1"
    assert current() == NOBODY


def test_a_function() -> None:
    @tidegate.caller(user="u-1")
    def ask(word: str, *, times: int = 1) -> tuple[str, Who]:
        """Asks."""
        return word * times, current()

    assert ask("a", times=2) == ("aa", Who("u-1", None))
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert current() == NOBODY


def test_an_async_function() -> None:
    @tidegate.caller(user="u-1")
    async def ask() -> Who:
        await asyncio.sleep(0)
        return current()

    assert asyncio.iscoroutinefunction(ask)
    assert asyncio.run(ask()) == Who("u-1", None)


def test_what_returns_a_coroutine_is_as_good_as_async() -> None:
    async def ask() -> Who:
        return current()

    assert asyncio.run(tidegate.caller(user="u-1")(lambda **_: ask())()) == Who("u-1", None)
    assert asyncio.run(tidegate.caller(user="u-1")(functools.partial(ask))()) == Who("u-1", None)


def test_methods() -> None:
    class Page:
        @tidegate.caller(route="page")
        def ask(self) -> Who:
            return current()

    assert Page().ask() == Who(None, "page")


def test_a_recursive_function() -> None:
    @tidegate.caller(user="u-1")
    def ask(depth: int) -> int:
        assert current().user == "u-1"
        return depth and ask(depth - 1)

    ask(5)
    assert current() == NOBODY


def test_a_generator_keeps_its_caller_to_itself() -> None:
    @tidegate.caller(user="u-1")
    def ask() -> Iterator[Who]:
        yield current()
        yield current()

    for who in ask():
        assert who.user == "u-1"
        assert current() == NOBODY


def test_generators_interleaved() -> None:
    def ask(name: str) -> Iterator[str | None]:
        for _ in range(3):
            yield current().user

    one, two = (tidegate.caller(user=name)(ask)(name) for name in ("u-1", "u-2"))
    assert [(next(one), next(two)) for _ in range(3)] == [("u-1", "u-2")] * 3
    assert current() == NOBODY


def test_what_a_generator_returns_and_cleans_up() -> None:
    ended: list[Who] = []

    @tidegate.caller(user="u-1")
    def ask() -> Any:
        try:
            yield 1
        finally:
            ended.append(current())
        return "end"

    def outer() -> Any:
        found = yield from ask()
        assert found == "end"

    assert list(outer()) == [1]
    left = ask()
    next(left)
    left.close()
    assert [who.user for who in ended] == ["u-1", "u-1"]


def test_an_async_generator_keeps_its_caller_to_itself() -> None:
    ended: list[Who] = []

    @tidegate.caller(user="u-1")
    async def ask() -> AsyncIterator[Who]:
        try:
            for _ in range(3):
                await asyncio.sleep(0)
                yield current()
        finally:
            ended.append(current())

    async def main() -> None:
        async for who in ask():
            assert who.user == "u-1"
            assert current() == NOBODY

    asyncio.run(main())
    assert ended == [Who("u-1", None)]


def test_blocks_that_end_out_of_order() -> None:
    one, two = tidegate.caller(user="u-1"), tidegate.caller(user="u-2", route="chat")
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert current() == Who("u-2", "chat")
    two.__exit__(None, None, None)
    assert current() == NOBODY


def test_a_block_that_ends_in_another_context() -> None:
    acting = tidegate.caller(user="u-1")
    contextvars.copy_context().run(acting.__enter__)
    acting.__exit__(None, None, None)
    assert current() == NOBODY


def test_tasks_have_their_own() -> None:
    async def ask(name: str) -> list[str | None]:
        found = []
        with tidegate.caller(user=name):
            for _ in range(5):
                await asyncio.sleep(0)
                found.append(current().user)
        return found

    async def main() -> None:
        with tidegate.caller(route="chat"):
            found = await asyncio.gather(*(ask(f"u-{n}") for n in range(50)))
            assert [set(names) for names in found] == [{f"u-{n}"} for n in range(50)]
            assert await asyncio.create_task(_who()) == Who(None, "chat")

    asyncio.run(main())


async def _who() -> Who:
    return current()


def test_threads_begin_with_nobody_and_bind_carries() -> None:
    found: dict[str, Who] = {}
    with tidegate.caller(user="u-1", route="chat"):
        bound = tidegate.bind(lambda: found.update(bound=current()))
        threads = [threading.Thread(target=lambda: found.update(plain=current())), threading.Thread(target=bound)]
    for thread in threads:
        thread.start()
        thread.join()
    assert found == {"plain": NOBODY, "bound": Who("u-1", "chat")}


def test_bind_in_an_executor() -> None:
    def ask(number: int) -> tuple[int, str | None]:
        return number, current().user

    with ThreadPoolExecutor(4) as pool:
        futures = []
        for number in range(20):
            with tidegate.caller(user=f"u-{number}"):
                futures.append(pool.submit(tidegate.bind(ask), number))
        assert [future.result() for future in futures] == [(n, f"u-{n}") for n in range(20)]

        async def main() -> str | None:
            loop = asyncio.get_running_loop()
            with tidegate.caller(user="u-1"):
                return (await loop.run_in_executor(pool, tidegate.bind(ask), 1))[1]

        assert asyncio.run(main()) == "u-1"


def test_bind_carries_nobody_too() -> None:
    bound = tidegate.bind(current)
    with tidegate.caller(user="u-1"):
        assert bound() == NOBODY
        assert current().user == "u-1"


def test_bind_of_async_functions_and_generators() -> None:
    def steps() -> Iterator[Who]:
        yield current()

    with tidegate.caller(user="u-1"):
        ask, walk = tidegate.bind(_who), tidegate.bind(steps)
    assert asyncio.run(ask()).user == "u-1"
    assert [who.user for who in walk()] == ["u-1"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"user": None}, "not NoneType; leave it out"),
        ({"user": 7}, "not int; write user=str"),
        ({"route": b"chat"}, "not bytes; write route=str"),
        ({}, "needs user= or route="),
    ],
)
def test_impossible_names(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        tidegate.caller(**given)


@pytest.mark.parametrize("empty", ["", "  ", "\t\n"])
def test_empty_names(empty: str) -> None:
    with pytest.raises(ConfigError, match="must not be empty"):
        tidegate.caller(user=empty)


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match="decorates functions"):
        tidegate.caller(user="u")(int)
    with pytest.raises(TypeError, match="takes a function, not int"):
        tidegate.bind(7)  # type: ignore[type-var]  # the mistake itself


def test_no_name_in_a_repr() -> None:
    assert repr(tidegate.caller(user="secret")) == "<tidegate.caller>"


def around(function: Any) -> list[Any]:
    """What a decorated context manager hears of the exception in its block."""
    heard: list[Any] = []

    def session() -> Iterator[list[Any]]:
        try:
            yield heard
            heard.append("commit")
        except ValueError:
            heard.append(("rollback", current().user))
            raise
        finally:
            heard.append("closed")

    with pytest.raises(ValueError, match="mine"), contextlib.contextmanager(function(session))():
        raise ValueError("mine")
    return heard


def test_what_is_thrown_into_a_generator() -> None:
    assert around(tidegate.caller(user="u-1")) == [("rollback", "u-1"), "closed"]
    assert around(tidegate.bind) == [("rollback", None), "closed"]
    assert current() == NOBODY


def test_what_is_sent_into_a_generator() -> None:
    @tidegate.caller(user="u-1")
    def echo() -> Any:
        said = yield "begin"
        while said:
            said = yield (said, current().user)

    steps = echo()
    assert next(steps) == "begin"
    assert steps.send("a") == ("a", "u-1")
    assert steps.send("b") == ("b", "u-1")
    with pytest.raises(StopIteration):
        next(steps)


def test_what_is_sent_and_thrown_into_an_async_generator() -> None:
    heard: list[Any] = []

    @tidegate.caller(user="u-1")
    async def echo() -> Any:
        try:
            said = yield "begin"
            yield (said, current().user)
        except ValueError:
            await asyncio.sleep(0)
            heard.append(("rollback", current().user))
            raise
        finally:
            heard.append("closed")

    async def main() -> None:
        steps = echo()
        assert await anext(steps) == "begin"
        assert await steps.asend("a") == ("a", "u-1")
        with pytest.raises(ValueError, match="mine"):
            await steps.athrow(ValueError("mine"))
        left = echo()
        await anext(left)
        await left.aclose()

    asyncio.run(main())
    assert heard == [("rollback", "u-1"), "closed", "closed"]
    assert current() == NOBODY


def test_space_around_a_name_is_none_of_it() -> None:
    with tidegate.caller(user=" u-1 ", route="chat\n"):
        assert current() == Who("u-1", "chat")
