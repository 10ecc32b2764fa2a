"""Runs a test on both event loops and counts its sockets; a CA and a certificate made by openssl."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from unit.upstreams.scripted import open_sockets

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine; at the end no socket may be left open."""
    runner: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run if request.param == "asyncio" else uvloop.run
    before = open_sockets()

    def run_bounded(coro: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(20):
                await coro

        runner(bounded())
        assert open_sockets() == before, "a socket leaks"

    return run_bounded


class Certificates:
    """A private CA and a certificate of it for `localhost` and 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.ca = folder / "ca.pem"
        self.key = folder / "key.pem"
        self.cert = folder / "cert.pem"

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.set_alpn_protocols(["http/1.1"])
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    made = Certificates(folder)
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    ca_key = str(folder / "ca.key")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    openssl("req", "-x509", *new_key, "-subj", "/CN=test CA", "-keyout", ca_key, "-out", str(made.ca))
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    signed = ["-CA", str(made.ca), "-CAkey", ca_key]
    openssl("req", "-x509", *new_key, *names, *signed, "-keyout", str(made.key), "-out", str(made.cert))
    return made
