"""Which errors are worth another try: 408, 409, 429, 5xx and lost connections; every other 4xx fails the same again."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from tidegate.checks.facts.bounds import leaves
from tidegate.checks.program.fold import Known, fold
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Program
from tidegate.checks.tree.nodes import Call, Catch, Const, Exit, Function, If, Items, Member, Name, Node, Operation
from tidegate.checks.tree.walk import last_name, walk, walk_here

Judged = Literal["right", "all", "unknown"]
"""right: only what may succeed; all: also what fails the same again."""

RETRIED: Final = frozenset({408, 409, 429, *range(500, 600)})

_RIGHT: Final = {
    "RateLimitError", "APIConnectionError", "APIConnectionTimeoutError", "APITimeoutError",
    "InternalServerError", "OverloadedError", "ServiceUnavailableError", "GatewayTimeoutError",
    "DeadlineExceededError", "RequestTimeoutError", "ConflictError", "HTTPNotImplementedError",
    "RetryableError", "TimeoutException", "ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError",
    "RemoteProtocolError", "ConnectionError", "TimeoutError", "Timeout", "NetworkError", "TransportError",
    "ConnectionResetError", "WriteTimeout", "PoolTimeout",
}  # fmt: skip
_ALL: Final = {
    "Exception", "BaseException", "AnthropicError", "APIError", "APIStatusError", "BadRequestError",
    "AuthenticationError", "PermissionDeniedError", "NotFoundError", "UnprocessableEntityError",
    "PaymentRequiredError", "ContentTooLargeError", "RequestTooLargeError", "HTTPStatusError", "HTTPError",
    "RequestException",
}  # fmt: skip
_STATUS = {"status_code", "status", "statusCode", "code", "type"}


def judge_types(types: Iterable[Node]) -> Judged:
    """Which errors some exception types stand for."""
    judged: list[Judged] = []
    for node in types:
        if isinstance(node, Items):
            judged.append(judge_types(node.parts))
            continue
        name = last_name(node)
        judged.append("all" if name in _ALL else "right" if name in _RIGHT else "unknown")
    return _worst(judged)


def judge_catch(program: Program, module: Module, catch: Catch) -> Judged:
    """Which errors a catch goes on after: by its types, else by what it asks of the error."""
    by_type: Judged = judge_types(catch.types) if catch.types else "all"
    if by_type != "all":
        return by_type
    return _asked(program, module, catch)


def _asked(program: Program, module: Module, catch: Catch) -> Judged:
    """Whether the body sorts out, by status or class, what must not be tried again."""
    tests = [node for node in walk_here(*catch.body) if isinstance(node, If) and _is_about_status(node.test)]
    if not tests:
        calls = (node for node in walk_here(*catch.body) if isinstance(node, Call))
        helped = any(_says_retry(node) or _may_raise(program, module, node, catch.name) for node in calls)
        return "unknown" if helped else "all"
    judged: list[Judged] = []
    for one in tests:
        goes_on = not leaves(one.then)
        wrong = [status for status in _statuses(program, module, one.test) if status not in RETRIED]
        judged.append("all" if goes_on and wrong and not one.other else "right")
    return _worst(judged)


def _may_raise(program: Program, module: Module, call: Call, error: str) -> bool:
    """Whether a function of the project is given the error and raises something."""
    if not error or not any(isinstance(one, Name) and one.id == error for one in call.args):
        return False
    found = program.find(module, call.of)
    inner = found.node.body if found is not None and isinstance(found.node, Function) else ()
    return any(isinstance(node, Exit) and node.kind == "raise" for node in walk_here(*inner))


def _says_retry(call: Call) -> bool:
    """`is_retryable(error)`."""
    name = last_name(call.of)
    return "retr" in name.lower() or "transient" in name.lower()


def _is_about_status(test: Node) -> bool:
    for node in walk(test):
        if isinstance(node, Member) and node.name in _STATUS:
            return True
        if isinstance(node, Operation) and node.sign == "instanceof":
            return True
        if isinstance(node, Call) and (_says_retry(node) or (isinstance(node.of, Name) and node.of.id == "isinstance")):
            return True
        if isinstance(node, Name) and ("retr" in node.id.lower() or "status" in node.id.lower()):
            return True
    return False


def _statuses(program: Program, module: Module, test: Node) -> Iterator[int]:
    """The 4xx statuses that a test names as equal; a threshold such as `>= 400` names 400."""
    for node in walk(test):
        if isinstance(node, Operation) and node.sign in {"==", "in", ">=", ">"}:
            yield from _numbers(program, module, node.parts)


def _numbers(program: Program, module: Module, nodes: Iterable[Node]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, Items):
            yield from _numbers(program, module, node.parts)
        elif isinstance(node, Const | Name):
            value = fold(program, module, node)
            number = value.value if isinstance(value, Known) else None
            if isinstance(number, int) and not isinstance(number, bool) and 399 <= number < 500:
                yield number


def _worst(judged: list[Judged]) -> Judged:
    order: tuple[Judged, ...] = ("all", "unknown", "right")
    return next((one for one in order if one in judged), "unknown")
