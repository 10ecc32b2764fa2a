"""The Claude API at Anthropic, or at any address that speaks as it does."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from tidegate.core.ports import Outgoing, Reply
from tidegate.model.errors import NotSent
from tidegate.policy.rules import Timeouts
from tidegate.upstreams.address import read_address
from tidegate.upstreams.dial import Dialer
from tidegate.upstreams.head import request_head
from tidegate.upstreams.pool import KEEP_ALIVE, Pool
from tidegate.upstreams.proxy import read_proxy

URL = "https://api.anthropic.com"


class Anthropic:
    """An upstream that takes `x-api-key`.  Errors at construction are ConfigError.

    `key` gives the credential at every send; None sends none.  Where it has a method `renew`, that reads it anew.
    `proxy` is `http://user:password@host:port`.
    `ca_file` takes the place of the system's certificate authorities.
    """

    def __init__(
        self,
        *,
        key: Callable[[], str] | None = None,
        url: str = URL,
        name: str = "anthropic",
        proxy: str | None = None,
        ca_file: str | Path | None = None,
        max_connections: int = 10_000,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        self.name = name
        self._key = key
        self._key_sent: str | None = None
        address = read_address(url)
        way = read_proxy(proxy) if proxy else None
        absolute = way is not None and not address.tls
        self._origin = f"http://{address.authority}{address.prefix}" if absolute else address.prefix
        self._lines: tuple[bytes, ...] = (f"host: {address.authority}".encode(),)
        if way is not None and absolute and way.authorization:
            self._lines += (f"proxy-authorization: {way.authorization}".encode(),)
        self._lines_sent: tuple[bytes, ...] = self._lines
        """With the key that was sent last."""
        self.pool = Pool(Dialer(address, way, ca_file), max_connections=max_connections, keep_alive=keep_alive)

    def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> Awaitable[Reply]:
        """Send once and return when the reply's headers are here.  Raises NotSent or Broken, never retries.

        `on_sent` is called right before the first byte is handed to the socket, and not at all with NotSent.
        """
        if self._key is not None and (key := self._key()) != self._key_sent:  # it may change while we run
            self._send_from_now(key)
        head = request_head(request, self._origin, self._lines_sent)
        return self.pool.send(head, request.body, request.method == "HEAD", timeouts, on_sent)

    async def renew_key(self) -> bool:
        """Read the key anew; True when it is another one now."""
        renew = getattr(self._key, "renew", None)
        return renew is not None and bool(renew())

    async def aclose(self) -> None:
        """Close all connections."""
        await self.pool.aclose()

    def _send_from_now(self, key: str) -> None:
        """Put another key into our own header lines; raises NotSent."""
        if not key.isascii() or not key.isprintable() or not key.strip():
            raise NotSent(f"the key of upstream {self.name} is empty or not plain ASCII; nothing was sent")
        self._lines_sent = (*self._lines, b"x-api-key: " + key.strip().encode())
        self._key_sent = key
