"""One gateway process, from settings to its clean end."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable

import uvloop

from tidegate.assemble import Running, assemble
from tidegate.config.settings import Settings
from tidegate.databases.sqlite import ReadOnlyFile
from tidegate.doors.gateway.app import Gateway
from tidegate.doors.gateway.crowd import TurnedAway, most_clients
from tidegate.doors.gateway.keyring import Keyring
from tidegate.doors.gateway.own import OwnPages
from tidegate.doors.gateway.server import Chores, make_server
from tidegate.ledgers.usage import UsageReader
from tidegate.model.errors import ConfigError
from tidegate.policy.replies import refusal_reply
from tidegate.system.files import open_files
from tidegate.system.ids import new_id

_PATIENCE = 5.0
"""Seconds that a store which is down has at the end; the sweep of another process charges what it did not take."""


def run(settings: Settings, sock: socket.socket, *, log_format: str, on_ready: Callable[[], None]) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT; raises ConfigError before anything is served."""
    if settings.key_secret is None:
        raise ConfigError(
            "TIDEGATE_KEY_SECRET is not set: app keys cannot be checked; `tidegate init` makes one in .env, or set it "
            "to any 32 characters or more"
        )
    uvloop.run(_serve(settings, sock, log_format, on_ready))


async def _serve(settings: Settings, sock: socket.socket, log_format: str, on_ready: Callable[[], None]) -> None:
    running = assemble(settings, log_format=log_format)
    chores = Chores(running.gate.keep, running.logger)
    gateway = _gateway(settings, running, chores, lambda: server.should_exit)
    server = make_server(
        gateway,
        header_timeout=settings.gateway.header_timeout,
        drain=settings.gateway.drain,
        refuse=lambda refusal: refusal_reply(refusal, f"req_{new_id()}", running.texts),
        closing=lambda: gateway.closing,
        waits_for=lambda calls: running.logger.info("draining", calls=calls, seconds=settings.gateway.drain),
        most=most_clients(open_files(), len(settings.upstreams)),
        full=TurnedAway(lambda clients: _tell_full(running, clients)),
    )
    gc.collect()
    gc.freeze()  # what was built so far stays for ever: no collection needs to look at it again
    gc.set_threshold(20_000, 50, 100)
    async with chores.running():
        serving = asyncio.ensure_future(server.serve(sockets=[sock]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn sets a flag, it has no event
            await asyncio.sleep(0.01)
        if server.started:
            on_ready()
        await serving
    await _pay_debts(running, min(settings.gateway.drain, _PATIENCE))
    await running.close()


async def _pay_debts(running: Running, patience: float) -> None:
    """What the store could not take yet gets a last chance."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while running.gate.books.owed:
                await Chores(running.gate.keep, running.logger).once()
                await asyncio.sleep(0.05)


def _gateway(settings: Settings, running: Running, chores: Chores, draining: Callable[[], bool]) -> Gateway:
    assert settings.key_secret is not None
    secret = settings.key_secret.reveal()
    token = settings.admin_token
    pages = OwnPages(
        reader=lambda: UsageReader(ReadOnlyFile(running.ledger.file.path)),
        admin_token=token.reveal() if token is not None else None,
        # A store that is down is told here and answered with `store_down`; it must not pull every replica at once.
        ready=lambda: {
            "ready": not draining(),
            "store": "up" if chores.store_up else "down",
            "open_holds": running.gate.books.open_holds,
            "owed_settlements": running.gate.books.owed,
        },
        circuits=running.gate.books.circuits,
        upstreams=[upstream.name for upstream in running.upstreams],
    )
    return Gateway(
        gate=running.gate,
        keyring=Keyring(running.keys, secret, running.clock),
        pages=pages,
        clock=running.clock,
        new_id=new_id,
        label_secret=secret.encode(),
        max_body=settings.gateway.max_body,
        body_timeout=settings.gateway.body_timeout,
        total=settings.rules.timeouts.total,
        ping=settings.gateway.ping,
        draining=draining,
        tell=lambda level, event, **fields: _tell(running, level, event, **fields),
    )


def _tell(running: Running, level: str, event: str, **fields: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a log that cannot be written must not end a call
        getattr(running.logger, level)(event, **fields)


def _tell_full(running: Running, clients: int) -> None:
    with contextlib.suppress(OSError, ValueError):  # as above
        running.logger.warning("clients_turned_away", clients=clients)
