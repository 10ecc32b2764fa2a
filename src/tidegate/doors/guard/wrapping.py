"""Putting the guard under a client: a twin of its HTTP client whose transports pass the Gate.

Private names of the SDK and of httpx2 are used here and nowhere else; tests pin them: `_client` of an SDK client,
`_transport` and `_mounts` of an HTTP client.
"""

import copy
from typing import Any, Final, Literal, TypeVar

from tidegate.config.settings import Settings
from tidegate.doors.guard.asking import Terms
from tidegate.doors.guard.engine import Engine, engine_for
from tidegate.doors.guard.transport import AsyncGuardTransport, GuardTransport
from tidegate.model.errors import ConfigError
from tidegate.model.texts import Texts

C = TypeVar("C")


def wrapped(client: C, settings: Settings, texts: Texts, app: str, user_from: Literal["metadata"] | None) -> C:
    """A client like this one over guarded transports; raises ConfigError."""
    sdk: Any = client
    http = sdk._client  # noqa: SLF001 - there is no public way to it
    if isinstance(http._transport, GuardTransport | AsyncGuardTransport):  # noqa: SLF001 - as above
        raise ConfigError("this client is guarded already")
    engine = engine_for(settings, texts)
    secret = engine.assembled().shared.label_secret
    terms = Terms(app=app, user_from=user_from, label_secret=secret)
    twin = _twin(http, engine, terms)
    try:
        guarded: C = sdk.with_options(http_client=twin)
    except TypeError as error:  # a subclass with an `__init__` of its own
        raise ConfigError(
            f"{type(client).__name__} cannot be guarded: the SDK's with_options() cannot copy it ({error}); let its "
            "__init__ take the SDK's options with defaults for its own, or give it a copy()"
        ) from None
    return guarded


def _twin(http: Any, engine: Engine, terms: Terms) -> Any:
    kind: Any = AsyncGuardTransport if hasattr(http, "aclose") else GuardTransport

    def over(inner: Any) -> Any:
        return None if inner is None else kind(inner, http, engine, terms)

    twin = copy.copy(http)
    twin.__class__ = _left_open(type(http))
    # The first one closes its connections when it is collected, so the two go together: the transports refer to it.
    twin._transport = over(http._transport)  # noqa: SLF001 - there is no public way to it
    twin._mounts = {pattern: over(inner) for pattern, inner in http._mounts.items()}  # noqa: SLF001 - as above
    return twin


_LEFT_OPEN: Final[dict[type, type]] = {}


def _left_open(kind: type) -> type:
    """The class, whose value leaves the connections open when it is collected: they are those of the first client."""
    if not hasattr(kind, "__del__"):
        return kind
    if kind not in _LEFT_OPEN:
        _LEFT_OPEN[kind] = type(kind.__name__, (kind,), {"__del__": lambda _: None, "__module__": kind.__module__})
    return _LEFT_OPEN[kind]
