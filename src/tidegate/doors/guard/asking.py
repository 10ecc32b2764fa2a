"""From an HTTP request of the SDK to a Call: who asks, what is asked, and which headers are for us."""

from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from tidegate.core.call import Call
from tidegate.core.ports import Outgoing
from tidegate.doors.guard.caller import current
from tidegate.doors.guard.paths import Way
from tidegate.doors.guard.sending import OWN, Via, without_own
from tidegate.model.call import Caller, Reading
from tidegate.model.labels import label
from tidegate.model.refusal import Refusal
from tidegate.policy.features import unbounded_betas
from tidegate.policy.plan import ANONYMOUS
from tidegate.policy.reading import read

USER: Final = b"x-tidegate-user"
ROUTE: Final = b"x-tidegate-route"

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


def call_of(terms: Terms, via: Via, way: Way, call_id: str, started: float) -> Call | tuple[Caller, Refusal]:
    """The call of a request, or who is refused and why; takes the guard's own headers out of what `via` sends."""
    request = via.request
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    named = dict(headers)
    _clean(via, named, way)
    reading: Reading | Refusal | None = None
    if way == "messages":
        reading = _COMPRESSED if b"content-encoding" in named else read(via.body)
    asked = reading if isinstance(reading, Reading) else None
    caller = _caller(terms, named, asked)
    if way == "denied":
        return caller, _NO_BOUND
    if isinstance(reading, Refusal):
        return caller, reading
    betas = named.get(b"anthropic-beta")
    if betas is not None:
        betas = b",".join(value for name, value in headers if name == b"anthropic-beta")
    return Call(
        call_id=call_id,
        caller=caller,
        reading=asked,
        model="" if asked is None else label(asked.model, terms.label_secret),
        outgoing=Outgoing(request.method, request.url.raw_path.decode("ascii"), headers, via.body, via),
        betas=unbounded_betas(betas) if betas else (),
        started=started,
    )


def _caller(terms: Terms, named: dict[bytes, bytes], reading: Reading | None) -> Caller:
    """By header, else by `tidegate.caller`, else by the request's metadata where the guard was told so."""
    who = current()
    user = _text(named.get(USER)) or who.user
    if not user and terms.user_from == "metadata" and reading is not None:
        user = reading.metadata_user
    route = _text(named.get(ROUTE)) or who.route or "default"
    return Caller(
        terms.app,
        label(user, terms.label_secret) if user else ANONYMOUS,
        label(route, terms.label_secret),
    )


def _clean(via: Via, named: dict[bytes, bytes], way: Way) -> None:
    """What the upstream must not see, and compressions that the meter could not read: a bill must not hide in one."""
    headers = via.headers
    if OWN in b"\n".join(named):
        headers = without_own(headers)
    if way == "messages" and b"accept-encoding" in named:
        asked = named[b"accept-encoding"].decode("latin-1")
        if (readable := _readable(asked)) != asked:
            headers = headers.copy()
            headers["accept-encoding"] = readable
    via.headers = headers


@lru_cache(maxsize=64)
def _readable(value: str) -> str:
    kept = [part for part in value.split(",") if part.partition(";")[0].strip().lower() in _READABLE]
    return value if len(kept) == len(value.split(",")) else ",".join(kept).strip() or "identity"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace").strip()
