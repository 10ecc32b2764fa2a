"""The target of a request, in any of the forms that a gateway gets."""

import httptools


def path_and_query(url: bytes) -> tuple[str, bytes] | None:
    """Path and query; of the absolute form, which proxies get, the same.  None where there is no path."""
    if url.startswith(b"/"):
        path, _, query = url.partition(b"?")
        return path.decode("ascii"), query
    parsed = httptools.parse_url(url)
    return (parsed.path.decode("ascii"), parsed.query or b"") if parsed.path else None
