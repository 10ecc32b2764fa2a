"""The fake as one value: settings, script, books, cache; and its answer to each request."""

import gzip
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from tidegate.fake.admin import ADMIN, read_organization
from tidegate.fake.asking import VERSIONS, Asking, parse_body, read_asking
from tidegate.fake.attempt import Attempt, Priced
from tidegate.fake.binding import broken_binding, checks_binding
from tidegate.fake.books import Books, Row
from tidegate.fake.cache import PromptCache, Split
from tidegate.fake.command import MARKER, PLAIN, REAL_PACE, BadCommandError, Command, build, fault_name
from tidegate.fake.compose import compose
from tidegate.fake.errors import HTML, Problem, error_json, ordered, problem
from tidegate.fake.events import Event, events_of, message_json
from tidegate.fake.heads import FAST, Heads
from tidegate.fake.models import find_model, model_json, models_page, safe_id
from tidegate.fake.prompt import prompt_tokens, read_prompt
from tidegate.fake.reply import Reply, streamed, whole
from tidegate.fake.request import Request, Sender, decoded_body, header, names, sender, trouble_at_the_door
from tidegate.fake.rows import describe, new_row
from tidegate.fake.script import Playing, Script, Seen
from tidegate.fake.settings import Settings

JSON, SSE = b"application/json", b"text/event-stream; charset=utf-8"
BODILESS = frozenset({204, 304})
"""Statuses whose replies have no body (RFC 9110, 6.4.1)."""
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request with what was found out about it on the way to its answer."""

    request: Request
    row: Row
    who: Sender
    body: dict[str, Any]
    raw: bytes
    command: Command


Answered = tuple[Reply, Priced | None]
Route = Callable[[Asked], Answered | Problem]


class World:
    """All the state there is; one thread, no locks."""

    def __init__(self, settings: Settings, script: Script, books_file: Path | None = None) -> None:
        self._base = settings
        self._boot = secrets.token_hex(4)
        self._start_script = script
        self.books = Books(books_file, settings.keep_rows)
        self.cache = PromptCache()
        self._routes: dict[str, tuple[tuple[str, ...], Route | None]] = {
            "/v1/messages": (("POST",), self._message),
            "/v1/messages/count_tokens": (("POST",), self._count),
            "/v1/models": (("GET",), self._models),
            "/v1/models/": (("GET",), self._model),
            "/api/hello": (("GET", "HEAD"), self._hello),
        }
        self.load(script)

    def load(self, script: Script) -> None:
        """Play another script from its beginning."""
        changed = {**msgspec.structs.asdict(self._base), **script.settings}
        self.settings = msgspec.convert(changed, Settings)
        self.playing = Playing(script, self.settings.seed)
        self._scripted = bool(script.rules or script.defaults or self.settings.pace == "real")
        self.heads = Heads(self.settings)

    def reset(self) -> None:
        """Everything as at the start: empty books and cache, the first script from its beginning."""
        self.cache.clear()
        self.load(self._start_script)
        self.books.reset()

    def answer(self, request: Request, connection: int) -> Attempt:
        """The reply to one request, entered into the books."""
        who = sender(request, self.settings)
        seq = self.books.next_seq()
        request_id = f"req_011{self._boot}{seq:013d}"
        row = new_row(request, who, self.settings, seq=seq, request_id=request_id, connection=connection)
        raw = decoded_body(request, self.settings.max_body)
        body = parse_body(raw) if isinstance(raw, bytes) else raw
        known = body if isinstance(body, dict) else {}
        describe(row, known)
        command, trouble = self._ordered(request, known, raw if isinstance(raw, bytes) else b"", row)
        asked = Asked(request, row, who, known, raw if isinstance(raw, bytes) else b"", command)
        route = self._admin if request.path.startswith(ADMIN) else self._routed
        answered = trouble or route(asked, body)
        if isinstance(answered, Problem):
            answered = self._refused(asked, answered), None
        reply, priced = answered
        if command is not PLAIN:
            row.fault = fault_name(command)
        return Attempt(row, reply, self.books, priced)

    def _ordered(self, request: Request, body: dict[str, Any], raw: bytes, row: Row) -> tuple[Command, Problem | None]:
        """The orders for this request, and the error among them."""
        if not (self._scripted or names(request).orders or MARKER in raw):
            return PLAIN, None
        metadata = body.get("metadata")
        user = metadata.get("user_id") if isinstance(metadata, dict) else None
        seen = Seen(request.path, row.model, row.stream, raw, request.headers, user if isinstance(user, str) else "")
        try:
            orders = self.playing.orders(seen)
            if self.settings.pace == "real":
                orders = {**REAL_PACE, **orders}
            command = build(orders)
        except BadCommandError as bad:
            return PLAIN, problem(400, f"fake Claude: {bad}")
        return command, None if command is PLAIN else ordered(command)

    def _routed(self, asked: Asked, body: dict[str, Any] | Problem) -> Answered | Problem:
        request = asked.request
        path = "/v1/models/" if request.path.startswith("/v1/models/") else request.path
        methods, route = self._routes.get(path, ((), None))
        if route is None:
            return problem(404, "Not found")
        if request.method not in methods:
            return problem(405)
        if path == "/api/hello":
            return route(asked)
        trouble = trouble_at_the_door(request, self.settings, asked.who, VERSIONS)
        if trouble:
            return trouble
        if request.method == "POST" and isinstance(body, Problem):
            return body
        return route(asked)

    def _admin(self, asked: Asked, _: object) -> Answered | Problem:
        found = read_organization(asked.request, self.playing.script.admin, self.settings, VERSIONS, time.time())
        return found if isinstance(found, Problem) else (self._json_reply(asked, _encode(found)), None)

    def _asking(self, asked: Asked, *, counting: bool = False) -> Asking | Problem:
        asking = read_asking(
            asked.body,
            version=header(asked.request, b"anthropic-version"),
            betas=header(asked.request, b"anthropic-beta"),
            counting=counting,
            strict_fields=self.settings.strict_fields,
        )
        if isinstance(asking, Problem) or not self.settings.bind_thinking or b'"thinking"' not in asked.raw:
            return asking
        broken = broken_binding(asking.body) if checks_binding(asking.model) else None
        return problem(400, broken) if broken else asking

    def _message(self, asked: Asked) -> Answered | Problem:
        asking = self._asking(asked)
        if isinstance(asking, Problem):
            return asking
        split = self._split(asking, asked.who)
        if isinstance(split, Problem):
            return split
        command, seed = asked.command, _seed(asked.row)
        message = compose(asking, split, command, seed, worst=self.settings.bill == "worst")
        served = find_model(message.model) or asking.model
        priced = Priced(message, served.id, self._linger(command, seed), command.bill)
        asked.row.model_served = safe_id(message.model)
        self.heads.spend(message.usage.input_tokens, message.usage.output_tokens)
        ending = "refusal" if message.stop_reason == "refusal" else "ok"
        if asked.row.stream:
            return self._stream_reply(asked, events_of(message, command), ending), priced
        body = message_json(message, command)
        tokens = message.usage.output_tokens
        seconds = command.gap * (6 + tokens // (command.tokens_per_event or 4)) if command.gap else 0.0
        return self._json_reply(asked, body, tokens=tokens, seconds=seconds, ending=ending), priced

    def _linger(self, command: Command, seed: int) -> int:
        if command.linger is not None:
            return command.linger
        return seed % 51 if self.settings.linger is None else self.settings.linger

    def _split(self, asking: Asking, who: Sender) -> Split | Problem:
        """How the prompt is served; the cache learns it."""
        model, worst = asking.model, self.settings.bill == "worst"
        segments = read_prompt(asking.body, model, worst=worst)
        total = prompt_tokens(segments)
        if total > model.window:
            if worst:
                return Split(model.window)
            return problem(400, f"prompt is too long: {total} tokens > {model.window} maximum")
        return self.cache.serve(segments, f"{who.fingerprint} {model.id}", model.min_cache, time.time())

    def _count(self, asked: Asked) -> Answered | Problem:
        asking = self._asking(asked, counting=True)
        if isinstance(asking, Problem):
            return asking
        total = prompt_tokens(read_prompt(asking.body, asking.model, worst=self.settings.bill == "worst"))
        slack = total // 100 + 3
        told = max(1, total - slack + _seed(asked.row) % (2 * slack + 1))
        return self._json_reply(asked, _encode({"input_tokens": told})), None

    def _models(self, asked: Asked) -> Answered | Problem:
        query = parse_qs(asked.request.query)
        limit = query.get("limit", ["20"])[0]
        if not limit.isdigit() or not 1 <= int(limit) <= 1_000:
            return problem(400, "limit: Input should be between 1 and 1000")
        page = models_page(
            limit=int(limit),
            after_id=query.get("after_id", [""])[0],
            before_id=query.get("before_id", [""])[0],
            lifecycle=tuple(query.get("lifecycle[]", query.get("lifecycle", []))),
        )
        return self._json_reply(asked, _encode(page)), None

    def _model(self, asked: Asked) -> Answered | Problem:
        name = unquote(asked.request.path.removeprefix("/v1/models/"))
        model = find_model(name)
        if model is None:
            return problem(404, f"model: {name[:200]}")
        return self._json_reply(asked, _encode(model_json(model))), None

    def _hello(self, asked: Asked) -> Answered:
        return self._json_reply(asked, b'{"message":"hello"}'), None

    def _json_reply(
        self, asked: Asked, body: bytes, *, tokens: int = 0, seconds: float = 0.0, ending: str = "ok"
    ) -> Reply:
        command = asked.command
        if command.malformed:
            body = body[: -(len(body) // 3)]
        if command.empty:
            body, ending = b"", "fault:empty"
        packed = _packs(asked)
        extra = (("content-encoding", "gzip"),) if packed else ()
        head = self._head(asked, JSON, extra)
        ending = "fault:malformed" if command.malformed else ending
        body = gzip.compress(body, 1, mtime=0) if packed else body
        return _headed(asked.request, whole(head, body, command, tokens=tokens, seconds=seconds, ending=ending))

    def _stream_reply(self, asked: Asked, events: list[Event], ending: str) -> Reply:
        command = asked.command
        if command.empty:
            events, ending = [], "fault:empty"
        ending = "fault:malformed" if command.malformed else ending
        packed = _packs(asked)
        extra = (("cache-control", "no-cache"), *((("content-encoding", "gzip"),) if packed else ()))
        return streamed(self._head(asked, SSE, extra), events, command, gzip=packed, ending=ending)

    def _head(self, asked: Asked, content_type: bytes, extra: tuple[tuple[str, str], ...]) -> bytes:
        asked.row.status = 200
        ordered_type = asked.command.content_type
        return self.heads.write(
            200,
            asked.row.request_id,
            ordered_type.encode() if ordered_type else content_type,
            limits=asked.row.path == "/v1/messages",
            close=not asked.request.keep_alive,
            extra=(*extra, *(FAST if asked.body.get("speed") == "fast" else ()), *asked.command.headers.items()),
        )

    def _refused(self, asked: Asked, trouble: Problem) -> Reply:
        command, row = asked.command, asked.row
        row.status = trouble.status
        kind, request_id = JSON, row.request_id
        body = error_json(trouble, row.request_id)
        if command.html:
            kind, request_id, body = b"text/html", "", HTML % (trouble.status, trouble.status)
        head = self.heads.write(
            trouble.status,
            request_id,
            command.content_type.encode() if command.content_type else kind,
            known=trouble.status != 401 and not command.html,
            limits=trouble.status == 429,
            close=not asked.request.keep_alive,
            extra=(*trouble.headers, *command.headers.items()),
        )
        sent = None if trouble.status in BODILESS else b"" if command.empty else body
        reply = _headed(asked.request, whole(head, sent, command, ending="error"))
        return msgspec.structs.replace(reply, billing="none")


def _seed(row: Row) -> int:
    return int(row.request_sha256[:24], 16)


def _packs(asked: Asked) -> bool:
    wanted = asked.command.gzip
    return wanted == "force" or (wanted is True and "gzip" in header(asked.request, b"accept-encoding"))


def _headed(request: Request, reply: Reply) -> Reply:
    """A reply to HEAD keeps its headers and loses its body."""
    if request.method != "HEAD":
        return reply
    steps = tuple(step._replace(wire=step.wire.removesuffix(step.payload), payload=b"") for step in reply.steps)
    return msgspec.structs.replace(reply, steps=steps)
