"""The target of a request, in any of the forms that a gateway gets."""

import httptools

_MOST = 1_000
_LONGEST = 200

_known: dict[bytes, tuple[str, bytes]] = {}
known = _known.get
"""Path and query of a target that came lately, and has no fragment."""


def path_and_query(url: bytes) -> tuple[str, bytes] | None:
    """Path and query; of the absolute form, which proxies get, the same.  None where there is no path."""
    found = _split(url)
    if found is not None and len(url) <= _LONGEST and b"#" not in url:
        if len(_known) >= _MOST:
            _known.clear()
        _known[url] = found
    return found


def _split(url: bytes) -> tuple[str, bytes] | None:
    if url.startswith(b"/"):
        path, _, query = url.partition(b"?")
        return path.decode("ascii"), query
    parsed = httptools.parse_url(url)
    return (parsed.path.decode("ascii"), parsed.query or b"") if parsed.path else None
