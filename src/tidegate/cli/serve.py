"""`tidegate serve`: from the command line to a gateway that serves, and to its clean end."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
import typer

from tidegate.cli import banner, exits
from tidegate.cli.children import FAKE_KEY, fake_claude
from tidegate.cli.failures import guarded
from tidegate.cli.keys_list import state
from tidegate.cli.listening import address_of, listen
from tidegate.cli.options import Config, ledger_file, load_settings
from tidegate.cli.screen import fail, note
from tidegate.config.hidden import HiddenEnvironment
from tidegate.config.settings import Settings, UpstreamSettings
from tidegate.doors.gateway.run import run
from tidegate.doors.gateway.workers import end_with, orderly_end, serve_many
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve
from tidegate.system.files import raise_open_files
from tidegate.upstreams.dial import tls_context

LogFormat = Literal["json", "readable"]

_FAKE_NAME = "TIDEGATE_FAKE_CLAUDE_KEY"


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Where to listen.  Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="0 takes any free one.  Default: 8787.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="How many processes.  Default: 1.")] = None,
    fake: Annotated[bool, typer.Option("--fake", help="Use the built-in fake Claude: no key, no costs.")] = False,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="auto|json|readable", help="auto: readable on a terminal.")
    ] = None,
    config: Config = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Run the gateway."""
    gateway = {"host": host, "port": port, "workers": workers, "log_format": log_format}
    settings = load_settings(config, {"gateway": gateway})
    files = raise_open_files()
    with contextlib.ExitStack() as stack:
        if fake:
            settings = with_fake(settings, stack.enter_context(fake_claude()))
        check(settings)
        sock = stack.enter_context(listen(settings.gateway.host, settings.gateway.port))
        keys = count_keys(settings)
        for notice in settings.notices:
            note(notice)
        if until_eof and settings.gateway.workers == 1:  # whoever started us is gone, however it ended
            threading.Thread(target=end_with, args=(sys.stdin.fileno(),), daemon=True).start()
        code = _serve(
            settings, sock, lambda: banner.show(settings, *address_of(sock), keys=keys, fake=fake, files=files)
        )
    raise typer.Exit(code)


def with_fake(settings: Settings, address: str) -> Settings:
    """The same settings with the fake Claude as the only upstream."""
    routes = {
        name: msgspec.structs.replace(
            route, fallback=tuple(step for step in route.fallback if not step.startswith("upstream:"))
        )
        for name, route in settings.rules.routes.items()
    }
    return msgspec.structs.replace(
        settings,
        upstreams=(UpstreamSettings(name="fake", url=address, api_key=f"env://{_FAKE_NAME}"),),
        environ=HiddenEnvironment({**settings.environ, _FAKE_NAME: FAKE_KEY}),
        rules=msgspec.structs.replace(settings.rules, routes=routes),
    )


def check(settings: Settings) -> None:
    """What would fail later and in every worker fails here, once; raises ConfigError."""
    if settings.key_secret is None:
        raise ConfigError(
            "TIDEGATE_KEY_SECRET is not set: app keys cannot be checked; `tidegate init` makes one in .env, or set it "
            "to any 32 characters or more"
        )
    for upstream in settings.upstreams:
        try:
            secret = resolve(upstream.api_key, settings.environ) if upstream.api_key else None
        except ConfigError as error:
            raise ConfigError(
                f"the upstream {upstream.name} has no key: {error}.  To try tidegate without one: tidegate serve --fake"
            ) from None
        for notice in secret.notices if secret is not None else ():
            note(notice)
        if upstream.ca_file is not None:
            tls_context(upstream.ca_file)


def count_keys(settings: Settings) -> int:
    """How many keys could be used now; makes the ledger's file, and closes it again before any process forks."""
    now = time.time_ns() // 1000
    with ledger_file(settings) as file:
        return sum(state(key, now) == "active" for key in SqliteKeys(file).list())


def _serve(settings: Settings, sock: socket.socket, announce: Callable[[], None]) -> int:
    log_format = _log_format(settings)

    def one(on_ready: Callable[[], None]) -> int:
        def work() -> int:
            with orderly_end() as serving:

                def ready() -> None:
                    serving()
                    on_ready()

                run(settings, sock, log_format=log_format, on_ready=ready)
            return exits.OK

        return guarded(work)

    if settings.gateway.workers == 1:
        return one(announce)
    return serve_many(
        settings.gateway.workers, one, on_ready=announce, complain=fail, patience=2 * settings.gateway.drain + 5
    )


def _log_format(settings: Settings) -> LogFormat:
    wanted = settings.gateway.log_format
    if wanted == "auto":
        return "readable" if sys.stdout.isatty() else "json"
    return wanted
