"""The errors of tidegate.

    TidegateError                 its text is one line that says what, where and what to do
    ├── ConfigError               a setting is wrong: the user's to mend
    ├── StoreDown                 the store or the ledger cannot be written or read now
    └── UpstreamError             the upstream did not give a whole reply
        ├── NotSent               nothing left this host: no money can have been spent
        │   └── Crowded           this host could not open one more connection
        └── Broken                sent, then lost: time-out, reset, cut, garbage

Expected outcomes (a refusal, an upstream's error reply) are values, not errors.
"""

from typing import Literal

BrokenKind = Literal["timeout", "reset", "cut", "garbage"]


class TidegateError(Exception):
    """An error with one clear line for its reader."""


class ConfigError(TidegateError):
    """A setting that cannot be used; the text names the file, the line and the remedy."""


class StoreDown(TidegateError):  # noqa: N818 - reads as the state that it reports, like the reason `store_down`
    """The store or the ledger cannot be used now; nothing was written."""


class UpstreamError(TidegateError):
    """The upstream gave no whole reply."""


class NotSent(UpstreamError):  # noqa: N818 - the fact, not a fault
    """Nothing left this host: connection refused, DNS or TLS failure, connect time-out."""


class Crowded(NotSent):
    """No connection could be opened here: all that we allow ourselves are in use, or files, ports or memory are.

    It says nothing about the upstream.
    """


class Broken(UpstreamError):  # noqa: N818 - the fact, not a fault
    """At least one byte was handed to the socket and no whole reply came back."""

    def __init__(self, message: str, kind: BrokenKind) -> None:
        super().__init__(message)
        self.kind: BrokenKind = kind
