"""How many files and sockets this process may have open."""

from contextlib import suppress

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]  # looked at before each use

_ENOUGH = 1 << 20
"""In place of "no limit", which no system keeps."""
_DARWIN = 10_240
"""The most that macOS takes, whatever it says."""


def open_files() -> int | None:
    """The limit that holds now; None where there is none."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_open_files() -> int | None:
    """Raise the limit as far as this user may, for this process and those that it starts; gives what holds then.

    Systems start programs with 1024 for the sake of old ones that use `select`.  It never fails: what cannot be raised
    stays as it is.
    """
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_ENOUGH if hard == resource.RLIM_INFINITY else hard, _DARWIN):
        if soft == resource.RLIM_INFINITY or wanted <= soft:
            break
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    return open_files()
