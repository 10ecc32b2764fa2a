"""From an exception to what a person reads: words, a status, when to try again, and a reference to ask about.

The reference is the request id of the reply, which the guard's log and the ledger have, too; where no reply came, one
is made here, and the log line that `explain` writes has it.
"""

import html
import math
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

import msgspec
from msgspec import Struct

from tidegate.doors.guard.friendly import Friendly, friendly
from tidegate.doors.guard.texts import in_use
from tidegate.frameworks.accepting import JSON, PAGE, wants_page
from tidegate.frameworks.answers import NoAnswer
from tidegate.observe.std import LOGGER
from tidegate.system.ids import new_id

_STATUS: Final = {"model_refusal": 422}
"""Of a NoAnswer; 502 for the others: what came from the upstream was no answer."""

_HTML: Final = """\
<!doctype html>
<html>
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem }}</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p><small>{reference}</small></p>
</body>
</html>
"""


class Shown(Struct, frozen=True):
    """An HTTP reply, whatever the framework."""

    status: int
    headers: dict[str, str]
    body: bytes


def explain(error: BaseException) -> Friendly:
    """As `tidegate.friendly`, always with a reference; writes one line without content to the logger `tidegate`."""
    found = _no_answer(error) if isinstance(error, NoAnswer) else friendly(error)
    fields: dict[str, Any] = {"event": "claude_error_shown", "reference": found.reference, "status": found.status}
    fields["error"] = type(error).__name__
    if found.reference is None:  # no other line has it
        fields["reference"] = f"req_{new_id()}"
        fields["place"] = _place(error)
        found = msgspec.structs.replace(found, reference=fields["reference"])
    words = " ".join(f"{name}={value}" for name, value in fields.items() if name != "event")
    say = LOGGER.warning if "place" in fields else LOGGER.info
    say("claude_error_shown %s", words, extra={"tidegate": fields})
    return found


def shown(error: BaseException, accept: str) -> Shown:
    """The reply to a request whose call failed: a page for those who open an address, else JSON."""
    found = explain(error)
    headers = {"cache-control": "no-store", "vary": "accept"}
    if found.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(found.retry_after)))
    page = wants_page(accept)
    headers["content-type"] = f"{PAGE}; charset=utf-8" if page else JSON
    return Shown(found.status, headers, _page(found) if page else as_json(found))


def as_json(found: Friendly) -> bytes:
    """`{"error": {"status", "title", "text", "retry_after", "reference"}}`; what is None is left out."""
    fields = {name: value for name, value in msgspec.structs.asdict(found).items() if value is not None}
    return msgspec.json.encode({"error": fields})


def _page(found: Friendly) -> bytes:
    words = {name: html.escape(str(value or "")) for name, value in msgspec.structs.asdict(found).items()}
    return _HTML.format(**words).encode()


def _no_answer(error: NoAnswer) -> Friendly:
    spoken = in_use()
    return Friendly(
        status=_STATUS.get(error.why, 502),
        title=spoken[f"title.{error.why}"],
        text=spoken[error.why],
        reference=error.reference,
    )


def _place(error: BaseException) -> str:
    """The file and line that raised it."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
