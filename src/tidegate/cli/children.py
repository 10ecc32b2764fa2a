"""Processes that a command starts beside itself: they end with it, however it ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.model.errors import TidegateError

FAKE_KEY = "sk-ant-api03-fake"
"""A key that the fake Claude accepts."""

_READY = "fake Claude listens on "


class ChildFailedError(TidegateError):
    """A process that was started beside this one ended at once."""


@contextmanager
def fake_claude(*options: str) -> Iterator[str]:
    """A fake Claude on a free port; gives its address, ends it with the block.

    Ctrl-C does not reach it: it must outlive the calls that a gateway is still finishing.  It ends when its standard
    input does, so not even `kill -9` of this process leaves it behind.
    """
    command = [sys.executable, "-m", "tidegate.fake", "--until-eof", *options]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith(_READY):
            raise ChildFailedError("the fake Claude did not start; what it said stands above")
        yield line.removeprefix(_READY)
    finally:
        end(process)


def end(process: subprocess.Popen[str], patience: float = 5.0) -> None:
    """End a child: its pipes close, which it takes for the end; then by force."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until_line(process: subprocess.Popen[str], beginning: str) -> str:
    """The rest of the first line of standard error that begins so; raises ChildFailedError at its end."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith(beginning):
            return line.removeprefix(beginning).strip()
    raise ChildFailedError("".join(["a process did not start: ", *seen[-3:]]).strip())
