"""What stops a scan: one clear line each."""

from tidegate.model.errors import TidegateError


class ScanError(TidegateError):
    """The scan cannot be made as it was asked for; the text says what, where and what to do."""
