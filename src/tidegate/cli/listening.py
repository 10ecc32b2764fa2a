"""The gateway's socket: bound before anything else starts, and what it means when it cannot be."""

import errno
import socket

from tidegate.doors.gateway.server import bind
from tidegate.model.errors import TidegateError


class AddressError(TidegateError):
    """Nothing can listen at that address."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises AddressError.

    It listens from here on, so that a second gateway on this port fails at once, and no client that comes while this
    one starts is turned away.
    """
    try:
        sock = bind(host, port)
        sock.listen(2048)
    except OSError as error:
        raise explain_address(host, port, error) from None
    return sock


def explain_address(host: str, port: int, error: OSError) -> OSError | AddressError:
    """One line about an address that cannot be listened at; an error about something else stays what it is."""
    if isinstance(error, socket.gaierror):
        return AddressError(
            f'"{host}" is no address of this machine: {error.strerror}; use 127.0.0.1, or 0.0.0.0 for all'
        )
    if error.errno == errno.EADDRINUSE:
        return AddressError(
            f"port {port} on {host} is in use by another program; end that one, or take another port: --port {port + 1}"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return AddressError(f"port {port} may not be used by this user; take one above 1023: --port 8787")
    if error.errno == errno.EADDRNOTAVAIL:
        return AddressError(f"{host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all")
    return error


def address_of(sock: socket.socket) -> tuple[str, int]:
    """Host and port that a socket is bound to."""
    host, port = sock.getsockname()[:2]
    return str(host), int(port)


def web_address(host: str, port: int) -> str:
    """Where a browser on this machine finds it."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{local}]' if ':' in local else local}:{port}"
