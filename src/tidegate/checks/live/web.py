"""One GET after another, with patience that ends; whatever goes wrong on the way is a value in plain words.

Rules
1. Redirects are not followed: a key goes to the address that was asked for and to no other.
2. A reply is read up to a size and a time; what it says never gets into a text of ours.
"""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    import httpx2

NEEDS: Final = "pip install 'tidegate[check]'"
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a reply."""

_CONNECT, _SILENCE, _TOTAL = 5.0, 10.0, 20.0
"""Seconds for a connection, between two pieces of a reply, and for the whole of it."""


class Reply(Struct, frozen=True):
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    seconds: float


class Unreached(Struct, frozen=True):
    """No whole reply came."""

    kind: Literal["library", "address", "name", "tls", "closed", "timeout", "large"]
    text: str
    """What happened, without the address."""


class Web:
    """Asks over connections that are kept until the end."""

    def __init__(self, client: "httpx2.Client") -> None:
        self._client = client

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Unreached:
        """Ask once."""
        import httpx2  # noqa: PLC0415 - only who asks over the network needs it

        started = time.monotonic()
        try:
            with self._client.stream("GET", url, headers=dict(headers)) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _LARGEST:
                        return Unreached("large", "the reply is larger than 4 MB")
                    if time.monotonic() - started > _TOTAL:
                        return Unreached("timeout", f"the reply was not whole after {_TOTAL:.0f} seconds")
                seconds = time.monotonic() - started
                return Reply(response.status_code, dict(response.headers), bytes(body), seconds)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            return _unreached(error)
        except (httpx2.InvalidURL, ValueError):
            return Unreached("address", "the address or the key cannot be sent as it is")


@contextmanager
def open_web(*, proxy: str | None = None, ca_file: Path | None = None) -> Iterator[Web | Unreached]:
    """A way to ask, closed at the end; the proxies and certificates of the environment count, as for the SDKs."""
    try:
        import httpx2  # noqa: PLC0415 - as above
    except ImportError:
        yield Unreached("library", f"httpx2, which asks over the network, is not installed: {NEEDS}")
        return
    try:
        verify = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
        client = httpx2.Client(proxy=proxy, verify=verify, timeout=httpx2.Timeout(_SILENCE, connect=_CONNECT))
    except (OSError, ValueError, ImportError) as error:  # a proxy of another kind, a file that holds no certificates
        yield Unreached("address", f"the proxy or the certificates cannot be used ({type(error).__name__})")
        return
    with client:
        yield Web(client)


def host_of(url: str) -> str:
    """Whom an address names, fit to be shown."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def _unreached(error: BaseException) -> Unreached:
    import httpx2  # noqa: PLC0415 - as above

    closed: tuple[Unreached, type[BaseException]] = (_CLOSED, httpx2.ConnectError)
    causes = tuple(_causes(error))
    for gone, kind in (*_GONE, closed):
        if any(isinstance(cause, kind) for cause in causes):
            return gone
    if isinstance(error, httpx2.TimeoutException):
        return Unreached("timeout", "no answer in time")
    if isinstance(error, httpx2.UnsupportedProtocol):
        return Unreached("address", "the address is neither http nor https")
    return Unreached("closed", "the connection broke")


_CLOSED: Final = Unreached("closed", "the connection was refused, or there is no way to it")
_GONE: Final[tuple[tuple[Unreached, type[BaseException]], ...]] = (
    (Unreached("name", "its name is not known here (DNS)"), socket.gaierror),
    (Unreached("tls", "no secure connection: its certificate, or a proxy between, is not trusted here"), ssl.SSLError),
    (_CLOSED, ConnectionRefusedError),
)
"""What lies under the library's own errors."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
