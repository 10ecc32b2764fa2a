"""A gateway as a process of its own: `python gateway_process.py FOLDER PORT READY_FD [debug]`.

Does what `tidegate serve` does, with the configuration and the environment that it is given; tells its port on the
file descriptor READY_FD once it listens.  `debug` makes the log tell every attempt.
"""

import functools
import os
import sys
from pathlib import Path

from tidegate import assemble
from tidegate.config.load import load
from tidegate.doors.gateway.run import run
from tidegate.doors.gateway.server import bind


def main(folder: str, port: str, ready: str, level: str = "info") -> None:
    if level == "debug":
        assemble.make_logger = functools.partial(assemble.make_logger, debug=True)  # type: ignore[assignment]  # it has no setting
    settings = load(environ=dict(os.environ), directory=Path(folder))
    sock = bind("127.0.0.1", int(port))
    told = b"ready %d\n" % sock.getsockname()[1]
    run(settings, sock, log_format="json", on_ready=lambda: os.write(int(ready), told) and None)


if __name__ == "__main__":
    main(*sys.argv[1:])
