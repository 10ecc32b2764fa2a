"""Reading the tables: every `*.toml` beside this file is a family of scenarios, each a table of its own.

What a scenario may say, with what holds when it does not:

about         a sentence for the reader
request       a name of requests.toml ("plain")
shapes        "json": the whole answer; "stream": its events; "helper": the SDK's `messages.stream`  (json and stream)
doors         "guard sync", "guard async", "gateway"  (all three)
upstream      orders for the fake Claude: the n-th attempt gets the n-th, later ones the last (one empty: it answers);
              `{in 7 s}` is a date, `{gap}` a time that a slow machine gets more of
place         a broken place of places.py that is the upstream instead
settings      sections of tidegate.toml, over those of scene.py
client        headers of the request
key           options of the app key, or `given`, a text that is none (the gateway's door only)
user          "u-1"; an empty text names nobody
before        orders for calls of the same shape that are made before, each to its end; "[N x] ORDER"
later         seconds that pass between them and the call, on the scenario's clock
meanwhile     orders for a stream that stays open while the call is made
world         "draining": the process is about to end; "ledger damaged"
hurry         which time-out is short: connect, first_byte, idle, total; or `gap`, where an order has that.  Only in
              such a scenario does real time matter, so it is played again with more of it before it fails
luck          the random number from 0 to 1 that every draw gives (0.5)
leave         the caller leaves the stream after so many events
sdk_retries   how often the SDK may repeat (3: the gate's reply must keep it from doing so)
like          the order whose answer is the right one, where the last of `upstream` breaks something

What comes of it:

caller        "answer": object by object, event by event what the SDK gets from the fake itself, for the last order;
              "nothing": it has left; else a table, see `Error`
attempts      how often the gate has sent, which is what the fake has seen (1)
waits         the seconds between them (none)
counted       the hold is smaller than the request's bytes would have it: tokens were counted
charges       the ledger's rows, "[N x] OUTCOME STATUS ERROR_TYPE, EXACTNESS: MONEY"; `-` stands for NULL; MONEY is
              nothing | bill (of the fake) | hold | input and held output | some
refusals      rows of that table, "REASON SCOPE"
told          the call's line in the log: "success OUTCOME" | "error ERROR_TYPE" | "refused REASON"; empty: no line
calls         how many lines the log has, one for each call of this scenario (1)
breaker       the state of the circuit breaker afterwards, which each scenario must say, with what it has counted in its
              window: "closed: 4 bad, 1 good"; "closed" with nothing; "open"; "none", where there is none yet
pending       why this fails today; it must fail, and once it passes the test says so

`[every]` holds for all scenarios of a file; `[NAME.but."stream at gateway"]`, `[NAME.but.gateway]`, `[NAME.but.json]`
say what is different there, later ones winning.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parent
REQUESTS = "requests.toml"

Shape = Literal["json", "stream", "helper"]
DoorName = Literal["guard sync", "guard async", "gateway"]
Hurry = Literal["", "connect", "first_byte", "idle", "total", "gap"]

Table = dict[str, Any]

_TIMES: Final = re.compile(r"(?P<times>\d+) x ?(?P<what>.*)")


class Error(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the SDK raises."""

    error: str
    """The name of the exception's class."""
    status: int = 0
    """0 where it has none, such as a connection that broke."""
    type: str = ""
    """Empty: it has none."""
    code: str = ""
    """`details.error_code`; empty: it has none."""
    reason: str = ""
    """The header x-tidegate-reason; empty: there is none."""
    scope: str = ""
    """The header x-tidegate-scope."""
    words: str = ""
    """A name of the catalogue of texts; "upstream": body and headers as the fake sends them."""
    detail: str = ""
    """A sentence behind the text."""
    id: Literal["", "upstream", "ours"] = ""
    """Whose request id it carries; empty: it has none."""
    headers: dict[str, str] = {}
    """Exact values; an empty text: there is no such header."""
    events: int | None = None
    """Events that came before."""


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario as one shape at one door; see the top of this file."""

    about: str = ""
    request: str = "plain"
    shapes: tuple[Shape, ...] = ("json", "stream")
    doors: tuple[DoorName, ...] = get_args(DoorName)
    upstream: tuple[str, ...] = ("",)
    place: str = ""
    settings: Table = {}
    client: dict[str, str] = {}
    key: Table = {}
    user: str = "u-1"
    before: tuple[str, ...] = ()
    later: float = 0.0
    meanwhile: str = ""
    world: Literal["", "draining", "ledger damaged"] = ""
    hurry: Hurry = ""
    luck: float = 0.5
    leave: int | None = None
    sdk_retries: int = 3
    like: str | None = None
    caller: Literal["answer", "nothing"] | Error
    attempts: int = 1
    waits: tuple[float, ...] = ()
    counted: bool = False
    charges: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    told: str = ""
    calls: int = 1
    breaker: str
    pending: str = ""

    @property
    def earlier(self) -> tuple[str, ...]:
        """`before`, an order for each call."""
        return tuple(one for order in self.before for one in repeated(order))


class Row(Struct, frozen=True):
    """A scenario where it runs: what one test is about."""

    family: str
    name: str
    shape: Shape
    door: DoorName
    scenario: Scenario

    def __str__(self) -> str:
        return f"{self.family}, {self.name}: {self.shape} at {self.door}"


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """One request of requests.toml."""

    call: str
    """The method of the client, such as `messages.create`."""
    arguments: Table = {}


def repeated(text: str) -> list[str]:
    """`3 x something` is three of them."""
    match = _TIMES.fullmatch(text)
    return [text] if match is None else [match["what"]] * int(match["times"])


class TableError(Exception):
    """A table that cannot be read; the text says which and why."""


@cache
def requests() -> Mapping[str, Request]:
    """All requests by name."""
    return msgspec.convert(tomllib.loads((FOLDER / REQUESTS).read_text("utf-8")), dict[str, Request])


@cache
def rows() -> tuple[Row, ...]:
    """Every scenario of every family, in every shape, at every door."""
    files = sorted(path for path in FOLDER.glob("*.toml") if path.name != REQUESTS)
    return tuple(row for path in files for row in read_rows(path.stem, tomllib.loads(path.read_text("utf-8"))))


def read_rows(family: str, document: Table) -> Iterator[Row]:
    """The rows of one family; raises TableError."""
    every = document.pop("every", {})
    for name, own in document.items():
        whole = _over(every, own)
        buts = whole.pop("but", {})
        general = _scenario(family, name, whole)
        known = {*general.shapes, *general.doors, "guard"}
        if strange := [but for but in own.get("but", {}) if not set(but.split(" at ")) <= known]:
            raise TableError(f"{family}.toml, {name}: but.{strange[0]!r} names no shape and door of this scenario")
        for shape in general.shapes:
            for door in general.doors:
                mine = whole
                for but, changed in buts.items():
                    if _meant(but, shape, door):
                        mine = _over(mine, changed)
                yield Row(family, name, shape, door, _scenario(family, name, mine))


def _meant(but: str, shape: str, door: str) -> bool:
    return all(word in (shape, door) or (word == "guard" and door.startswith("guard")) for word in but.split(" at "))


def _scenario(family: str, name: str, table: Table) -> Scenario:
    try:
        found = msgspec.convert(table, Scenario)
    except msgspec.ValidationError as wrong:
        raise TableError(f"{family}.toml, {name}: {wrong}") from None
    if found.request not in requests():
        raise TableError(f"{family}.toml, {name}: {REQUESTS} has no request {found.request!r}")
    return found


def _over(under: Table, over: Table) -> Table:
    """Tables inside tables are merged, everything else is replaced."""
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
