"""The HTTP library's headers as the core has them, and quick questions to all of them at once.

A private name of httpx2 is used here, and a test pins it: `Headers._list` has each name as it came, in lower case, and
the value.  To ask for the first and lower it again takes four times as long, twice in every call.
"""

import httpx2


def lowered(headers: httpx2.Headers) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values, in the order of the wire."""
    return [(name, value) for _, name, value in headers._list]  # noqa: SLF001 - see above


def names_of(headers: httpx2.Headers) -> bytes:
    """All names in lower case, one a line."""
    return b"\n".join([name for _, name, _ in headers._list])  # noqa: SLF001 - see above


def has_line(headers: httpx2.Headers, name: bytes, value: bytes) -> bool:
    """Whether there is this line exactly; the name as it came."""
    return (name, name.lower(), value) in headers._list  # noqa: SLF001 - see above
