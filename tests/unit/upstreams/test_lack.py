"""When this host has no file, port or memory left for a connection, that is not the upstream's failure."""

import errno
import os
import socket
import ssl
import subprocess
import sys

import pytest

from tidegate.model.errors import Crowded, NotSent
from tidegate.upstreams.dial import is_own_lack
from unit.upstreams.conftest import Run
from unit.upstreams.scripted import ask, asking

OURS = [OSError(getattr(errno, name), name) for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL")]
OTHERS = [
    OSError(errno.ECONNREFUSED, "refused"),
    OSError(errno.ENETUNREACH, "unreachable"),
    OSError("the name has no address"),
    TimeoutError(),
    socket.gaierror(errno.EMFILE, "a number of its own"),
    ssl.SSLError(errno.ENOMEM, "a number of its own"),
]


@pytest.mark.parametrize("problem", [*OURS, socket.gaierror(socket.EAI_MEMORY, "memory")], ids=repr)
def test_what_we_lack(run: Run, monkeypatch: pytest.MonkeyPatch, problem: OSError) -> None:
    assert is_own_lack(problem)

    async def fail(*_: object) -> socket.socket:
        raise problem

    async def test() -> None:
        async with asking("http://127.0.0.1:1") as upstream:
            with monkeypatch.context() as patched:
                patched.setattr("tidegate.upstreams.dial._connected", fail)
                with pytest.raises(Crowded, match=r"cannot be connected: .*nothing was sent"):
                    await ask(upstream)

    run(test())


@pytest.mark.parametrize("problem", OTHERS, ids=repr)
def test_what_is_not_ours(problem: OSError) -> None:
    assert not is_own_lack(problem)


@pytest.mark.parametrize("order", [1, -1])
def test_a_family_that_this_host_lacks_hides_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    """`localhost` on a machine without IPv6: what counts is that the other address refuses."""
    problems = [OSError(errno.EADDRNOTAVAIL, "no IPv6"), OSError(errno.ECONNREFUSED, "refused")][::order]

    async def fail(*_: object) -> socket.socket:
        raise problems.pop()

    async def test() -> None:
        async with asking("http://localhost:1") as upstream:
            with monkeypatch.context() as patched:
                patched.setattr("tidegate.upstreams.dial._connected", fail)
                patched.setattr("tidegate.upstreams.dial._alternating", lambda *_: [(2,), (10,)])
                with pytest.raises(NotSent, match="refused") as raised:
                    await ask(upstream)
                assert not isinstance(raised.value, Crowded)

    run(test())


WITHOUT_FILES = """
import asyncio, os, resource
import uvloop
from tidegate.model.errors import Crowded
from unit.upstreams.scripted import OK, ask, asking, serve, serving, whole

def most(files):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))

async def test():
    async with serving(serve(OK)) as server, asking(f"http://{host}:{{server.port}}") as upstream:
        most(3)  # the next one has a greater number
        for _ in range(30):
            try:
                await ask(upstream)
            except Crowded as told:
                assert "Too many open files" in str(told), told
            else:
                raise AssertionError("there was a file")
        assert (upstream.pool.open, server.accepted) == (0, 0)
        most(200)
        assert await whole(await ask(upstream)) == b"ok"

{loop}.run(test())
print("done")
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_process_without_files(loop: str, host: str) -> None:
    """Each request is told so, no place in the pool is lost, and with files the next one is served.

    A resolver of names says "Invalid argument" then.
    """
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_FILES.format(loop=loop, host=host)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("done\n", "")
