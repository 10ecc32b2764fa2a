"""Opening a connection to an upstream: name, socket, proxy, TLS."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from tidegate.model.errors import ConfigError
from tidegate.upstreams.address import Address
from tidegate.upstreams.proxy import Proxy, Tunnel

_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),  # Nagle and delayed acknowledgements together cost 44 ms a stream
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),  # long silent replies outlive the tables of NAT devices
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 5),
)
_MOST_ADDRESSES = 4
_OWN_LACK = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})

AddressInfo = tuple[Any, ...]
"""As getaddrinfo gives it: family, kind, protocol, canonical name, socket address."""


def is_own_lack(error: OSError) -> bool:
    """Whether this host has no file, port or memory for a connection: the upstream has not failed then."""
    if isinstance(error, socket.gaierror):  # with numbers of its own
        return error.errno == socket.EAI_MEMORY
    return not isinstance(error, ssl.SSLError) and error.errno in _OWN_LACK


def tls_context(ca_file: str | Path | None) -> ssl.SSLContext:
    """Certificates are always verified, against `ca_file` alone where it is given; raises ConfigError."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"the CA file {ca_file} cannot be used: {error}; give a readable PEM file") from None
    # Some systems leave the lowest version to OpenSSL's own configuration; a higher one of theirs is kept.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """Opens connections to one address."""

    def __init__(self, address: Address, proxy: Proxy | None, ca_file: str | Path | None) -> None:
        self.address = address
        self.proxy = proxy
        self._tls = tls_context(ca_file) if address.tls else None
        self._good_family: int | None = None

    async def dial(self, protocol: asyncio.Protocol, deadline: float) -> None:
        """Connect `protocol`; raises OSError or NotSent and leaves nothing open.  `deadline` is on the loop's clock."""
        loop = asyncio.get_running_loop()
        via: Address | Proxy = self.proxy or self.address
        sock = await self._connect(via.host, via.port, deadline)
        if self.proxy is not None and self._tls is not None:
            await self._through(self.proxy, sock, protocol, self._tls)
        else:
            name = self.address.host if self._tls is not None else None
            await loop.create_connection(lambda: protocol, sock=sock, ssl=self._tls, server_hostname=name)

    async def _through(
        self, proxy: Proxy, sock: socket.socket, protocol: asyncio.Protocol, tls: ssl.SSLContext
    ) -> None:
        loop = asyncio.get_running_loop()
        tunnel = Tunnel(proxy, self.address.endpoint)
        await loop.create_connection(lambda: tunnel, sock=sock)
        try:
            inner = await tunnel.stand()
            transport = await loop.start_tls(inner, protocol, tls, server_hostname=self.address.host)
        except BaseException:
            if tunnel.transport is not None:
                tunnel.transport.abort()
            raise
        if transport is None:  # typed so for loops that lose the connection during the handshake
            raise ConnectionResetError("connection lost during the TLS handshake")
        protocol.connection_made(transport)

    async def _connect(self, host: str, port: int, deadline: float) -> socket.socket:
        """Try the host's addresses in turn, each with its share of the time: a dead family cannot eat it all."""
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            _make_a_socket()
            raise
        problem: OSError | None = None
        places = _alternating(infos, self._good_family)[:_MOST_ADDRESSES]
        for left, info in zip(range(len(places), 0, -1), places, strict=True):
            try:
                async with asyncio.timeout((deadline - loop.time()) / left):
                    sock = await _connected(info)
            except OSError as error:
                # A family that this host does not have must not hide that the other one does not answer.
                if problem is None or not is_own_lack(error):
                    problem = error
            else:
                self._good_family = info[0]
                return sock
        raise problem or OSError("the name has no address")


def _alternating(infos: Sequence[AddressInfo], first: int | None) -> list[AddressInfo]:
    """Addresses with their families taking turns, starting with the one that worked last."""
    families: dict[int, list[AddressInfo]] = {first: []} if first is not None else {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    return [info for info in chain.from_iterable(zip_longest(*families.values())) if info is not None]


def _make_a_socket() -> None:
    """Raise OSError where that is impossible: a resolver without files says anything, such as "Invalid argument"."""
    socket.socket().close()


async def _connected(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        for level, name, value in _SOCKET_OPTIONS:
            if hasattr(socket, name):  # macOS has no TCP_KEEPIDLE before Python 3.13
                sock.setsockopt(level, getattr(socket, name), value)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
