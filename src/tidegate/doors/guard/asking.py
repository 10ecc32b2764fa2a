"""From an HTTP request of the SDK to a Call: who asks, what is asked, and which headers are for us."""

from functools import lru_cache
from typing import Final, Literal

import httpx2
from msgspec import Struct

from tidegate.core.call import Call
from tidegate.core.ports import Outgoing
from tidegate.doors.guard.caller import current
from tidegate.doors.guard.headers import has_line, names_of
from tidegate.doors.guard.paths import Way
from tidegate.doors.guard.sending import OWN, Via, without_own
from tidegate.model.call import Caller, Reading
from tidegate.model.labels import label
from tidegate.model.refusal import Refusal
from tidegate.policy.features import unbounded_betas
from tidegate.policy.plan import ANONYMOUS
from tidegate.policy.reading import read

USER: Final = "x-tidegate-user"
ROUTE: Final = "x-tidegate-route"

_USUAL: Final = b"gzip, deflate"
"""What the HTTP library asks for where no other compression is installed."""

_READABLE: Final = frozenset({"gzip", "deflate", "identity"})

_NO_BOUND: Final = Refusal(
    reason="not_allowed",
    scope="path",
    detail="tidegate cannot hold a budget for this path yet; use a client without the guard for it.",
)
_COMPRESSED: Final = Refusal(reason="bad_request", detail="Send it without content-encoding: it must be read here.")


class Terms(Struct, frozen=True, kw_only=True):
    """What one guard was told beside the settings."""

    app: str
    user_from: Literal["metadata"] | None
    label_secret: bytes


def call_of(
    terms: Terms, via: Via, way: Way, target: str, call_id: str, started: float
) -> Call | tuple[Caller, Refusal]:
    """The call of a request, or who is refused and why; takes the guard's own headers out of what `via` sends."""
    request = via.request
    headers = request.headers
    # One look at all names at once: almost every request has none of the headers that matter here.
    names = names_of(headers)
    own = OWN in names
    if own:
        via.headers = without_own(headers)
    reading: Reading | Refusal | None = None
    if way == "messages":
        if names.count(b"accept-encoding") != 1 or not has_line(headers, b"Accept-Encoding", _USUAL):
            _only_readable(via)
        reading = _COMPRESSED if b"content-encoding" in names and "content-encoding" in headers else read(via.body)
    asked = reading if isinstance(reading, Reading) else None
    caller = _caller(terms, headers if own else None, asked)
    if way == "denied":
        return caller, _NO_BOUND
    if isinstance(reading, Refusal):
        return caller, reading
    betas = headers.get("anthropic-beta") if b"anthropic-beta" in names else None
    return Call(
        call_id=call_id,
        caller=caller,
        reading=asked,
        model="" if asked is None else label(asked.model, terms.label_secret),
        outgoing=Outgoing(request.method, target, (), via.body, via),
        betas=unbounded_betas(betas.encode()) if betas else (),
        started=started,
    )


def _caller(terms: Terms, headers: httpx2.Headers | None, reading: Reading | None) -> Caller:
    """By header, else by `tidegate.caller`, else by the request's metadata where the guard was told so."""
    user, route = current()
    if headers is not None:
        user = headers.get(USER, "").strip() or user
        route = headers.get(ROUTE, "").strip() or route
    if not user and terms.user_from == "metadata" and reading is not None:
        user = reading.metadata_user
    return Caller(
        terms.app,
        label(user, terms.label_secret) if user else ANONYMOUS,
        label(route, terms.label_secret) if route else "default",
    )


def _only_readable(via: Via) -> None:
    """Take out compressions that the meter could not read: a bill must not hide in one."""
    asked = via.headers.get("accept-encoding", "identity")
    if (readable := _readable(asked)) != asked:
        headers = via.headers.copy()
        headers["accept-encoding"] = readable
        via.headers = headers


@lru_cache(maxsize=64)
def _readable(value: str) -> str:
    kept = [part for part in value.split(",") if part.partition(";")[0].strip().lower() in _READABLE]
    return value if len(kept) == len(value.split(",")) else ",".join(kept).strip() or "identity"
