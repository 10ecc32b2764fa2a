"""Places that are no Claude: real sockets that refuse, hang, reset and talk nonsense.

Each is opened once for a worker and lives until its end; `requests` counts the requests that were read there.
"""

import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

PATIENCE: Final = 60.0
"""Seconds after which a server here stops waiting for a client that says nothing."""

Say = Callable[[socket.socket], None]


class Place:
    """A broken upstream."""

    def __init__(self, url: str, *, counts: bool = False) -> None:
        self.url = url
        self.counts = counts
        """True where requests are read and counted."""
        self.requests = 0

    def close(self) -> None:
        """End it."""


class Unaccepting(Place):
    """A port with a full queue of connections, or without anybody who listens."""

    def __init__(self, *, listens: bool) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        super().__init__(f"http://127.0.0.1:{self._socket.getsockname()[1]}")
        self._waiting: list[socket.socket] = []
        if listens:
            self._socket.listen(0)
            self._fill()

    def _fill(self) -> None:
        """Linux answers no further connection once the queue is full."""
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(self._socket.getsockname())
            self._waiting.append(one)

    def close(self) -> None:
        for one in (*self._waiting, self._socket):
            one.close()


class Server(Place):
    """Runs `say` on each connection, on a thread of its own."""

    def __init__(
        self, say: Say, *, tls: ssl.SSLContext | None = None, scheme: str = "http", reads: bool = True
    ) -> None:
        place = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # whoever was connected has gone
                    wire = self.request
                    wire.settimeout(PATIENCE)
                    if tls is not None:
                        wire = tls.wrap_socket(wire, server_side=True)
                    if reads:
                        read_request(wire)
                        place.requests += 1
                    say(wire)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        super().__init__(f"{scheme}://127.0.0.1:{self._server.server_address[1]}", counts=reads)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def read_request(wire: socket.socket) -> None:
    """Read one request with a content length, whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = wire.recv(65_536)
        if not piece:
            raise ConnectionError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < size:
        body += wire.recv(65_536)


def _says(text: bytes) -> Say:
    """Sends this and hangs up."""
    return lambda wire: wire.sendall(text)


def _is_silent(wire: socket.socket) -> None:
    while wire.recv(65_536):
        pass


def _resets(wire: socket.socket) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def _unsigned() -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        key, cert = Path(folder) / "key.pem", Path(folder) / "cert.pem"
        how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        who = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(key), "-out", str(cert)]
        subprocess.run(["openssl", "req", "-x509", *how, *who, *files], check=True, capture_output=True)
        context.load_cert_chain(cert, key)
    return context


LONG_NAME: Final = ".".join([*["a" * 60] * 5, "invalid"])
"""No name of DNS is that long: the resolver says so itself, without a network."""

_PAGE: Final = b"<html><body>Welcome to the harbour's network. Please sign in.</body></html>"

MAKERS: Final[Mapping[str, Callable[[], Place]]] = {
    "nobody listens": lambda: Unaccepting(listens=False),
    "no such host": lambda: Place(f"http://{LONG_NAME}"),
    "a full queue": lambda: Unaccepting(listens=True),
    "no TLS": lambda: Server(_says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), scheme="https", reads=False),
    "an unsigned certificate": lambda: Server(_is_silent, tls=_unsigned(), scheme="https", reads=False),
    "a TLS handshake without an end": lambda: Server(_is_silent, scheme="https", reads=False),
    "resets every request": lambda: Server(_resets),
    "hangs up on every request": lambda: Server(_says(b"")),
    "half a head": lambda: Server(_says(b"HTTP/1.1 200 OK\r\ncontent-type: appl")),
    "no HTTP": lambda: Server(_says(b"220 tide.example ESMTP ready\r\n")),
    "a sign-in page": lambda: Server(
        _says(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%b" % (len(_PAGE), _PAGE))
    ),
    "a redirect": lambda: Server(
        _says(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/sign-in\r\ncontent-length: 0\r\n\r\n")
    ),
}


class Places:
    """The places of one worker, opened when they are first needed."""

    def __init__(self) -> None:
        self._open: dict[str, Place] = {}

    def __getitem__(self, name: str) -> Place:
        if name not in self._open:
            self._open[name] = MAKERS[name]()
        return self._open[name]

    def close(self) -> None:
        """End all of them."""
        for place in self._open.values():
            place.close()
