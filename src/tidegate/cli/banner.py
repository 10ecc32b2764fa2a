"""What a gateway says when it serves: where it is, what holds, and what to do next."""

import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from tidegate.cli.listening import web_address
from tidegate.cli.screen import err_console, say
from tidegate.cli.words import budget_words, limit_words
from tidegate.config.hidden import without_password
from tidegate.config.settings import Settings
from tidegate.config.urls import sqlite_path
from tidegate.doors.gateway.crowd import most_clients

MANY = 4096
"""Clients at once that nobody needs to be told about."""
READY = "tidegate serves on "
"""The beginning of the one line that programs wait for."""

Line = tuple[str, str]


def show(settings: Settings, host: str, port: int, *, keys: int, fake: bool, files: int | None = None) -> None:
    """Write the banner to standard error: logs go to standard output.  `files` may be open at once in a process."""
    address = web_address(host, port)
    lines = list(facts(settings, address, fake=fake))
    hints = [*advice(settings, host, keys=keys, fake=fake), *_few_files(settings, files)]
    if not sys.stderr.isatty():  # and not what FORCE_COLOR says: programs wait for the plain line
        say(f"{READY}{address}")
        for name, text in lines:
            say(f"  {name + ':':<11} {text}")
        for hint in hints:
            say(f"  ! {hint}")
        return
    from rich.markup import escape  # noqa: PLC0415 - only on a terminal

    console = err_console()
    console.print(f"\n[bold green]{READY}{address}[/]\n")
    for name, text in lines:
        console.print(f"  [dim]{name:<10}[/] {escape(text)}", soft_wrap=True)
    for hint in hints:
        console.print(f"  [bold yellow]![/] {escape(hint)}", soft_wrap=True)
    console.print("\n  [dim]Ctrl-C ends it; running streams may finish.[/]\n")


def facts(settings: Settings, address: str, *, fake: bool) -> Iterator[Line]:
    """Name and text of each line."""
    if settings.admin_token is not None:
        yield "dashboard", f"{address}/dashboard  (user: any name, password: TIDEGATE_ADMIN_TOKEN)"
    else:
        yield "dashboard", "off; set TIDEGATE_ADMIN_TOKEN (32 characters or more) to open it"
    for upstream in settings.upstreams:
        what = "  (the built-in FAKE Claude)" if fake else ""
        yield "upstream", f"{upstream.name}: {without_password(upstream.url)}{what}"
    yield from _places(settings)
    rules = settings.rules
    yield from [("limit", limit_words(limit)) for limit in rules.limits] or [("limits", "none")]
    yield from [("budget", budget_words(budget)) for budget in rules.budgets] or [
        ("budgets", "none: nothing bounds what is spent")
    ]
    if settings.gateway.workers > 1:
        yield "workers", str(settings.gateway.workers)


def advice(settings: Settings, host: str, *, keys: int, fake: bool) -> Iterator[str]:
    """What whoever started it should know or do."""
    if fake:
        yield (
            "FAKE: nothing reaches Anthropic and nothing costs money.  The ledger still keeps what it would have cost, "
            'under the upstream "fake".'
        )
    if not keys:
        yield "There is no app key yet, so every call is refused: tidegate keys create --app NAME"
    if not _is_local(host) and not settings.gateway.public_url:
        yield f"It listens on {host}, for every machine that reaches this one, without TLS: put a TLS proxy before it."


def _few_files(settings: Settings, files: int | None) -> Iterator[str]:
    clients = most_clients(files, len(settings.upstreams))
    if clients is not None and clients < MANY:
        whose = "Each worker" if settings.gateway.workers > 1 else "It"
        yield (
            f"{whose} takes {clients:,} clients at once, because it may open {files:,} files: raise the hard limit "
            "(ulimit -Hn, LimitNOFILE= of systemd, ulimits of Docker) for more."
        )


def _places(settings: Settings) -> Iterator[Line]:
    store, ledger = (_place(settings, url) for url in (settings.store.url, settings.ledger.url))
    if store == ledger:
        yield "data", f"{store}  (store and ledger)"
    else:
        yield "store", store
        yield "ledger", ledger


def _place(settings: Settings, url: str) -> str:
    if url.startswith("sqlite:"):
        return str(sqlite_path(url, settings.directory).resolve())
    if url == "memory://":
        return "memory://  (limits, budgets and holds are forgotten at the end)"
    return without_password(url)


def _is_local(host: str) -> bool:
    return urlsplit(f"//{f'[{host}]' if ':' in host else host}").hostname in {"127.0.0.1", "::1", "localhost"}
