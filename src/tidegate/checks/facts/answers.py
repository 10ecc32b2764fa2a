"""What sends something to users, and what of an error is a text: the words of frameworks and error classes."""

from typing import Final

from tidegate.checks.program.module import SELVES, Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Const,
    Item,
    Items,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Text,
)
from tidegate.checks.tree.walk import last_name, walk_here

_HARMLESS: Final = {
    "status_code", "status", "statusCode", "type", "request_id", "requestID", "requestId", "_request_id", "code",
    "error_code", "__class__", "headers", "retry_after", "name", "response",
}  # fmt: skip
"""What may be read of an error without its text; `response` goes on to more."""

_TEXTS: Final = {
    "message", "args", "body", "stack", "text", "detail", "details", "reason", "json", "content", "cause", "toString",
    "api_message", "error",
}  # fmt: skip
_TRACES: Final = {"traceback.format_exc", "traceback.format_exception"}
_TO_TEXT: Final = {"str", "repr", "String", "JSON.stringify"}
_SAFE: Final = {"friendly", "isinstance", "type", "hash", "bool", "len", "getattr", "id"}
_HAND_ON: Final = {"dumps", "stringify", "dict", "format", "encode", "join"}
_COMPARISONS: Final = {"==", "!=", "in", "not in", "is", "is not", "instanceof", "<", ">", "not"}

_SENDERS: Final = {
    "json", "send", "status", "end", "write", "reply", "send_text", "send_json", "send_message", "followUp", "respond",
    "reply_text", "say", "emit", "enqueue", "editReply", "code", "writeSSE", "sse", "text", "html",
}  # fmt: skip
_NOTES: Final = {"error", "warning", "info", "success", "add_message"}
_GROWING: Final = {"append", "push", "add", "update", "extend", "insert", "set", "setdefault"}
_ANSWERS: Final = {
    "HTTPException", "HttpException", "JSONResponse", "Response", "HttpResponse", "JsonResponse", "PlainTextResponse",
    "HTMLResponse", "jsonify", "make_response", "abort", "StreamingResponse", "HttpResponseServerError",
    "APIException", "InternalServerErrorException", "HTTPBadGateway", "render", "render_template", "TRPCError",
    "HttpError", "createError", "StarletteHTTPException", "HTTPError", "ServiceUnavailable", "NextResponse", "error",
}  # fmt: skip


def is_answer(call: Call) -> bool:
    """Whether a call makes an answer for users, or an exception that becomes one."""
    return last_name(call.of) in _ANSWERS


def sends(call: Call) -> bool:
    """`res.json(…)`, `websocket.send_text(…)`, `flash(…)`, `messages.error(…)` of Django; not `log.error(…)`."""
    if last_name(call.of) == "flash":
        return True
    if isinstance(call.of, Member) and call.of.name in _NOTES and last_name(call.of.of) == "messages":
        return True
    if not isinstance(call.of, Member) or call.of.name not in _SENDERS:
        return False
    base: Node = call.of.of
    while isinstance(base, Member | Call):
        base = base.of
    return isinstance(base, Name) and not base.id.lower().startswith(("log", "console", "sentry", "json"))


def path_of(node: Node) -> str:
    """`result.error` of `result.error` and of `result["error"]`; "" for what has no such path."""
    if isinstance(node, Name):
        return node.id
    if isinstance(node, Member):
        name, of = node.name, path_of(node.of)
    elif isinstance(node, Item) and isinstance(node.key, Const):
        name, of = str(node.key.value), path_of(node.of)
    else:
        return path_of(node.of) if isinstance(node, Item) else ""
    return f"{of}.{name}" if of else ""


class ErrorTexts:
    """Knows which values hold a text of the error, in a handler and in what comes after it."""

    def __init__(
        self, program: Program, module: Module, body: tuple[Node, ...], name: str, known: frozenset[str] = frozenset()
    ) -> None:
        self._program = program
        self._module = module
        self._name = name
        self._tainted: set[str] = set(known)
        while self._spread(body):
            pass

    def _spread(self, body: tuple[Node, ...]) -> bool:
        """Add what is given a text: a name, a member, an item, a list; False when there is no other."""
        for node in walk_here(*body):
            path = self._given(node)
            if path and path not in self._tainted:
                self._tainted.add(path)
                return True
        return False

    def _given(self, node: Node) -> str:
        """What a node gives a text to; "" for nothing."""
        if isinstance(node, Assign) and self.holds(node.value):
            return path_of(node.target)
        if isinstance(node, Call) and isinstance(node.of, Member) and node.of.name in _GROWING:
            return path_of(node.of.of) if self.in_arguments(node) else ""
        return ""

    def outlives(self, body: tuple[Node, ...]) -> frozenset[str]:
        """What still holds a text behind some statements: all that was given one, but for what they put right again."""
        last = {path_of(one.target): one.value for one in body if isinstance(one, Assign) and one.sign == "="}
        return frozenset(path for path in self._tainted if path not in last or self.holds(last[path]))

    def touches(self, node: Node) -> bool:
        """Whether a value is made with a text of the error, by whatever function."""
        if isinstance(node, Call) and last_name(node.of) not in _SAFE:
            given = (*node.args, *(value for _, value in node.named))
            return self.holds(node) or any(self.touches(one) for one in given)
        if isinstance(node, Map):
            return any(self.touches(value) for _, value in node.entries)
        parts = node.parts if isinstance(node, Items | Text) else ()
        return self.holds(node, whole=False) or any(self.touches(one) for one in parts)

    def _is_tainted(self, node: Node) -> bool:
        """A path that was given a text, or something in which one was put."""
        path = path_of(node)
        if not path:
            return False
        return path in self._tainted or (
            path not in SELVES and any(one.startswith(f"{path}.") for one in self._tainted)
        )

    def in_arguments(self, call: Call) -> bool:
        """Whether a call is given a text of the error; the error itself counts, because it is turned into one."""
        return any(self.holds(one) for one in (*call.args, *(value for _, value in call.named)))

    def holds(self, node: Node, *, whole: bool = True) -> bool:
        """Whether a value holds a text of the error; `whole`: the error itself counts, too."""
        if isinstance(node, Name):
            return self._is_tainted(node) or (whole and self._is_error(node))
        if isinstance(node, Member):
            return self._of_member(node)
        if isinstance(node, Call):
            return self._of_call(node)
        if isinstance(node, Item):
            return self._is_tainted(node) or (not self._has_parts(node.of) and self.holds(node.of, whole=False))
        if isinstance(node, Operation):
            return self._of_operation(node, whole=whole)
        parts = [value for _, value in node.entries] if isinstance(node, Map) else getattr(node, "parts", ())
        return any(self.holds(one, whole=whole or isinstance(node, Text | Map)) for one in parts)

    def _has_parts(self, node: Node) -> bool:
        """Whether it is known which parts of something hold a text."""
        path = path_of(node)
        return bool(path) and any(one.startswith(f"{path}.") for one in self._tainted)

    def _is_error(self, node: Node) -> bool:
        return isinstance(node, Name) and bool(self._name) and node.id == self._name

    def _starts_at_error(self, node: Node) -> bool:
        """`error.response.text`."""
        while isinstance(node, Member | Call | Item):
            node = node.of
        return self._is_error(node)

    def _of_operation(self, node: Operation, *, whole: bool) -> bool:
        if node.sign in _COMPARISONS:
            return False
        parts = node.parts[1:] if node.sign == "?:" else node.parts
        return any(self.holds(part, whole=whole or node.sign in {"+", "%"}) for part in parts)

    def _of_member(self, node: Member) -> bool:
        if self._is_error(node.of):
            return node.name in _TEXTS or node.name not in _HARMLESS
        if self._is_tainted(node):
            return True
        if path_of(node.of) in self._tainted and not self._has_parts(node.of):  # last = error; last.message
            return node.name not in _HARMLESS
        return node.name in _TEXTS and self._starts_at_error(node.of)

    def _of_call(self, node: Call) -> bool:
        origin = self._program.origin(self._module, node.of)
        word = last_name(node.of)
        if word in _SAFE:
            return False
        if origin in _TRACES:
            return True
        if isinstance(node.of, Member) and (
            (node.of.name in _TEXTS and self._starts_at_error(node.of.of)) or self.holds(node.of.of, whole=False)
        ):
            return True
        hands_on = origin in _TO_TEXT or word in _HAND_ON or is_answer(node) or sends(node)
        return hands_on and self.in_arguments(node)
