"""Runs the fake: binds a port, says where, and serves until it is told to stop."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

from tidegate.fake.connection import Connection
from tidegate.fake.script import Script, load_script
from tidegate.fake.settings import Settings
from tidegate.fake.world import World

BACKLOG = 4_096


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    script: Path | None = None,
    books: Path | None = None,
    settings: Settings | None = None,
    until_eof: bool = False,
    say: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or, with `until_eof`, the end of standard input; `say` gets the ready line."""
    world = World(settings or Settings(), load_script(script) if script else Script(), books)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    _run(_serve(world, host, port, until_eof=until_eof, say=say or _print))


async def _serve(world: World, host: str, port: int, *, until_eof: bool, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(world, loop), host, port, backlog=BACKLOG)
    if until_eof:
        threading.Thread(target=_watch_input, args=(loop, stop), daemon=True).start()
    bound = server.sockets[0].getsockname()[1]
    say(f"fake Claude listens on http://{f'[{host}]' if ':' in host else host}:{bound}")
    await stop.wait()
    server.close()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _watch_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Ends with whoever started us, however they end."""
    while os.read(0, 4_096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _run(main: Coroutine[None, None, None]) -> None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
