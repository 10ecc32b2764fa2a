"""The way out through an HTTP proxy: its address, its credential, and the CONNECT tunnel."""

import asyncio
import base64
from typing import cast
from urllib.parse import unquote

from msgspec import Struct

from tidegate.model.errors import ConfigError, NotSent
from tidegate.upstreams.address import bracketed, split_url

_MAX_HEAD = 16_384


class Proxy(Struct, frozen=True):
    """An HTTP proxy that is spoken to in clear; TLS to the upstream runs through its tunnel."""

    host: str
    port: int
    authorization: str
    """Value of `proxy-authorization`, empty without credentials."""

    @property
    def endpoint(self) -> str:
        """`host:port`."""
        return f"{bracketed(self.host)}:{self.port}"


def read_proxy(url: str) -> Proxy:
    """Read `http://user:password@host:port`; raises ConfigError."""
    parts = split_url(url if "://" in url else f"http://{url}", schemes=("http",))
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ConfigError(f"the proxy {parts.hostname} must be given as http://user:password@host:port, without a path")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(str(parts.hostname), parts.port or 80, authorization)


class Tunnel(asyncio.Protocol):
    """The conversation with a proxy until its tunnel stands."""

    def __init__(self, proxy: Proxy, endpoint: str) -> None:
        self._proxy = proxy
        self._endpoint = endpoint
        self._head = b""
        self._answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the tunnel at once."""
        self.transport = cast("asyncio.Transport", transport)
        lines = [f"CONNECT {self._endpoint} HTTP/1.1", f"host: {self._endpoint}"]
        if self._proxy.authorization:
            lines.append(f"proxy-authorization: {self._proxy.authorization}")
        self.transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        """Collect the proxy's head."""
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) > _MAX_HEAD:
            self._answer(self._head)

    def eof_received(self) -> None:
        """The proxy hung up."""
        self._answer(b"")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The proxy was lost."""
        self._answer(b"")

    def _answer(self, head: bytes) -> None:
        if not self._answered.done():
            self._answered.set_result(head)

    async def stand(self) -> asyncio.Transport:
        """Wait until the tunnel stands; raises NotSent."""
        head = await self._answered
        status = head[9:12]
        if not (head.startswith(b"HTTP/1.") and status.startswith(b"2") and head.endswith(b"\r\n\r\n")):
            said = f"answered {status.decode()}" if status.isdigit() else "gave no usable answer"
            raise NotSent(f"proxy {self._proxy.endpoint} {said} when asked for a tunnel to {self._endpoint}")
        return cast("asyncio.Transport", self.transport)
