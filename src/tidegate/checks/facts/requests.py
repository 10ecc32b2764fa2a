"""The clients that a program makes and the requests that it sends to Claude."""

from collections.abc import Iterator

from msgspec import Struct

from tidegate.checks.facts.arguments import Arguments, read_arguments
from tidegate.checks.facts.http import arguments_of_body, body_of, says_address, session_of
from tidegate.checks.facts.lent import Lent, find_lent
from tidegate.checks.facts.methods import base_of, is_odd
from tidegate.checks.facts.ways import (
    BATCHES_READ,
    CLIENTS,
    HTTP_CALLS,
    HTTP_METHODS,
    METHODS,
    MODEL_CALLS,
    MODEL_MAKERS,
    PARTIALS,
    PASSED,
    THREADS,
    WRAPPERS,
)
from tidegate.checks.program.fold import Known, fold, spoken
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program, returned
from tidegate.checks.program.unpacked import unpacked
from tidegate.checks.tree.nodes import (
    Assign,
    Call,
    Const,
    Function,
    Member,
    Name,
    Node,
    Operation,
    Param,
)
from tidegate.checks.tree.walk import last_name

GUARD = "tidegate.guard"
_TELLING = ("model", "max_tokens", "messages")
_HOPS = 8


class Client(Struct, frozen=True, eq=False):
    """Something that sends requests to Claude, where it is made."""

    module: Module
    call: Call
    name: str
    """`anthropic.Anthropic`, or what a wrapper is called."""
    arguments: Arguments
    guarded: bool = False
    """Whether it is made for `tidegate.guard`."""


class Request(Struct, frozen=True, eq=False):
    """A place where Claude is asked."""

    module: Module
    call: Call
    kind: str
    """`sdk`, `http`, or what a wrapper is called."""
    method: str
    arguments: Arguments
    """The client's own where the request gives none."""
    client: Client | None
    function: Function | None
    """The innermost one around it."""
    raw: bool = False
    """Whether what comes back is the reply before it is parsed: `messages.with_raw_response.create(…)`."""

    @property
    def streams(self) -> bool | None:
        """Whether the answer comes in pieces; None: cannot be told."""
        if self.method == "stream" or self.method.startswith("stream"):
            return True
        found = self.arguments.given.get("stream")
        if found is None:
            return None if self.arguments.open else False
        return bool(found.node.value) if isinstance(found.node, Const) else None


class Asking(Struct, frozen=True):
    """All of them."""

    clients: tuple[Client, ...]
    requests: tuple[Request, ...]
    unread: tuple[Found, ...] = ()
    """Methods that ask, and batches, which nothing above stands for: handed on, kept, called in ways not known."""
    lent: tuple[Lent, ...] = ()
    """Calls that hand a client to a library that is not known."""


def find_asking(program: Program) -> Asking:
    """Every client and every request of a program."""
    finder = _Finder(program)
    for module, call in program.every(Call):
        finder.look(module, call)
    requests = tuple(finder.requests())
    made = {call: client.module for call, client in finder.clients.items()}
    used = frozenset(finder.wrapped)
    lent = tuple(find_lent(program, made, lambda module, node: finder.client_of(module, node) is not None, used))
    return Asking(tuple(finder.clients.values()), requests, tuple(finder.unread()), lent)


class _Finder:
    """Collects clients first, because requests are told by them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.clients: dict[Call, Client] = {}
        self.calls: list[tuple[Module, Call]] = []
        self.judged: set[Node] = set()
        """Methods and names of methods whose calls were read, or are surely no request."""
        self.wrapped: set[Node] = set()
        """Calls that were taken for the client that they are given: `wrap(client)`."""

    def look(self, module: Module, call: Call) -> None:
        origin = self.program.origin(module, call.of)
        if origin in CLIENTS or origin in WRAPPERS:
            self.add(module, call, WRAPPERS.get(origin, origin))
        self.calls.append((module, call))

    def add(self, module: Module, call: Call, name: str) -> None:
        self.clients[call] = Client(module, call, name, read_arguments(self.program, module, call))

    def requests(self) -> Iterator[Request]:
        self.mark_guarded()
        for client in self.clients.values():
            if client.name in WRAPPERS.values():
                function = client.module.function_of(client.call)
                yield Request(client.module, client.call, client.name, "create", client.arguments, client, function)
        for module, call in self.calls:
            if call in self.clients:
                continue
            request = self.sdk(module, call) or self.threaded(module, call)
            request = request or self.model_call(module, call) or self.http(module, call)
            if request is not None:
                yield request

    def mark_guarded(self) -> None:
        for module, call in self.calls:
            if self.program.origin(module, call.of) == GUARD and call.args:
                client = self.client_of(module, call.args[0])
                if client is not None:
                    guarded = Client(client.module, client.call, client.name, client.arguments, guarded=True)
                    self.clients[client.call] = guarded

    # -- requests of the SDK

    def sdk(self, module: Module, call: Call) -> Request | None:
        """`client.messages.create(…)`; others call so, too: it must look like a request, or be asked of a client."""
        if isinstance(call.of, Member) and self.base(module, call.of) is not None:
            return self.asked(module, call, module, call.of, Arguments({}))
        found = self.program.find(module, call.of)
        kept = found.node.value if found is not None and isinstance(found.node, Assign) else None
        if found is None or kept is None:
            return None
        before = Arguments({})
        if isinstance(kept, Call) and kept.args and self.program.origin(found.module, kept.of) in PARTIALS:
            before = read_arguments(self.program, found.module, Call(kept.at, kept.of, kept.args[1:], kept.named))
            kept = kept.args[0]
        if not isinstance(kept, Member) or self.base(found.module, kept) is None:
            return None
        request = self.asked(module, call, found.module, kept, before)
        if request is not None:
            self.judged.add(call.of)
        return request

    def threaded(self, module: Module, call: Call) -> Request | None:
        """`to_thread(client.messages.create, model=…)`."""
        method = call.args[0] if call.args else None
        if last_name(call.of) not in THREADS or not isinstance(method, Member) or self.base(module, method) is None:
            return None
        return self.asked(module, call, module, method, Arguments({}))

    def asked(self, module: Module, call: Call, home: Module, method: Member, before: Arguments) -> Request | None:
        """A call of a method that stands in `home`; `before`: what it is given there already."""
        base = self.base(home, method)
        assert base is not None
        arguments = read_arguments(self.program, module, call).over(before)
        client, overrides = self.client_and_options(home, base)
        if client is None:
            telling = sum(role in arguments.given for role in _TELLING)
            if ".completions." in f".{spoken(method)}.":
                if not self.names_claude(arguments):
                    self.judged.add(method)
                return None  # OpenAI's, unless a client of Claude is known
            if telling < 2 and not (telling and module.mentions) and not (arguments.open and module.mentions):
                if not telling and not arguments.open:
                    self.judged.add(method)
                return None
        self.judged.add(method)
        under = overrides if client is None else overrides.over(client.arguments)
        merged = Arguments({**_for_client(under.given), **arguments.given}, arguments.open)
        raw = last_name(method.of) in PASSED
        return Request(module, call, "sdk", method.name, merged, client, module.function_of(call), raw)

    def names_claude(self, arguments: Arguments) -> bool:
        """Whether the model that is asked for is a Claude."""
        model = arguments.value(self.program, "model")
        return isinstance(model, Known) and "claude" in str(model.value).lower()

    def base(self, module: Module, node: Node) -> Node | None:
        """The client in `client.messages.create`; also where `client.messages` was given a name of its own."""
        direct = base_of(node)
        if direct is not None or not isinstance(node, Member) or node.name not in METHODS:
            return direct
        found = self.program.find(module, node.of) if isinstance(node.of, Name | Member) else None
        named = found.node.value if found is not None and isinstance(found.node, Assign) else None
        if found is None or found.module is not module or not isinstance(named, Member):
            return None
        return base_of(Member(node.at, named, node.name))

    def client_and_options(self, module: Module, node: Node) -> tuple[Client | None, Arguments]:
        """The client behind an expression, and what `with_options` changes."""
        if (
            isinstance(node, Call)
            and isinstance(node.of, Member)
            and node.of.name in {"with_options", "withOptions", "copy"}
        ):
            client, under = self.client_and_options(module, node.of.of)
            return client, read_arguments(self.program, module, node).over(under)
        return self.client_of(module, node), Arguments({})

    def client_of(self, module: Module, node: Node, hops: int = _HOPS) -> Client | None:
        """The client that an expression is worth."""
        if hops <= 0:
            return None
        if isinstance(node, Call):
            return self._client_of_call(module, node, hops)
        if isinstance(node, Operation) and node.sign in {"or", "??", "?:"}:
            made = (self.client_of(module, part, hops - 1) for part in reversed(node.parts))
            return next((one for one in made if one is not None), None)
        if isinstance(node, Name):
            for binding in reversed(self.program.bindings(module, node)):
                client = self._client_bound(module, binding, node.id, hops) if isinstance(binding, Assign) else None
                if client is not None:
                    return client
        if isinstance(node, Member):
            client = self._client_put(module, node, hops)
            if client is not None:
                return client
        found = self.program.find(module, node)
        return None if found is None else self._client_of_found(found, last_name(node), hops)

    def _client_bound(self, module: Module, assign: Assign, name: str, hops: int) -> Client | None:
        """`client = make()`, and `client, limiter = make()`."""
        parts = [Found(module, assign.value), *unpacked(self.program, module, assign, name)]
        made = (self.client_of(one.module, one.node, hops - 1) for one in parts)
        return next((one for one in made if one is not None), None)

    def _client_put(self, module: Module, node: Member, hops: int) -> Client | None:
        """`clients.claude = new Anthropic()`: what is put under a name of something else."""
        for assign in module.every(Assign):
            if isinstance(assign.target, Member) and spoken(assign.target) == spoken(node):
                client = self.client_of(module, assign.value, hops - 1)
                if client is not None:
                    return client
        return None

    def _client_of_call(self, module: Module, node: Call, hops: int) -> Client | None:
        if node in self.clients:
            return self.clients[node]
        found = self.program.find(module, node.of)
        if found is not None and isinstance(found.node, Function):
            return self._returned(found, hops)
        if node.args and found is None:  # wrap(client), guard(client), client.with_options(…)
            self.wrapped.add(node)
            return self.client_of(module, node.args[0], hops - 1)
        if isinstance(node.of, Member) and node.of.name in {"with_options", "withOptions", "copy"}:
            return self.client_of(module, node.of.of, hops - 1)
        return None

    def _returned(self, found: Found, hops: int) -> Client | None:
        assert isinstance(found.node, Function)
        made = (self.client_of(found.module, value, hops - 1) for value in returned(found.node))
        return next((one for one in made if one is not None), None)

    def _client_of_found(self, found: Found, name: str, hops: int) -> Client | None:
        node = found.node
        if isinstance(node, Assign) and isinstance(node.target, Name | Member):
            return self.client_of(found.module, node.value, hops - 1)
        if isinstance(node, Assign):
            return self._client_bound(found.module, node, name, hops)
        if isinstance(node, Function) and any(_is_property(one) for one in node.decorators):
            return self._returned(found, hops)
        if isinstance(node, Param) and node.default is not None:
            return self.client_of(found.module, node.default, hops - 1)
        return None

    # -- what is not read

    def unread(self) -> Iterator[Found]:
        """Methods that ask, and batches, whose calls were not read."""
        for module, node in self.program.every(Member):
            up = module.up.get(node)
            if node.name == "batches" and last_name(node.of) == "messages":
                if not (isinstance(up, Member) and up.name in BATCHES_READ):
                    yield Found(module, node)
            elif node in self.judged:
                if not self.all_called(module, up):
                    yield Found(module, node)
            elif (node.name in METHODS and self.base(module, node) is not None) or (
                node.name == "messages" and is_odd(node, up) and self.client_of(module, node.of) is not None
            ):
                yield Found(module, node)
        yield from self.odd_ways()

    def odd_ways(self) -> Iterator[Found]:
        """`client["messages"]`, `getattr(client, "messages")`, `const { messages } = client`, `client.post(…)`."""
        kept = [one.module.up.get(one.call) for one in self.clients.values()]
        names = {last_name(one.target) for one in kept if isinstance(one, Assign)}
        for module, node in (*self.program.every(Name), *self.program.every(Member)):
            if last_name(node) not in names:
                continue
            up = module.up.get(node)
            if isinstance(up, Call) and last_name(up.of) != "getattr":
                continue
            sent = isinstance(up, Member) and up.name in HTTP_METHODS and isinstance(module.up.get(up), Call)
            if (sent or is_odd(node, up)) and self.client_of(module, node) is not None:
                yield Found(module, node)

    def all_called(self, module: Module, up: Node | None) -> bool:
        """Whether a method that was given a name of its own is only ever called by it."""
        partial = isinstance(up, Call) and self.program.origin(module, up.of) in PARTIALS
        kept = module.up.get(up) if partial and up is not None else up
        if not isinstance(kept, Assign) or not isinstance(kept.target, Name):
            return True
        name = kept.target.id
        uses = (one for one in module.every(Name) if one.id == name and one is not kept.target)
        return all(one in self.judged or kept not in module.lookup(name, one) for one in uses)

    # -- other ways

    def model_call(self, module: Module, call: Call) -> Request | None:
        """`litellm.completion(model="claude-…")`, `generateText({model: anthropic("claude-…")})`."""
        name = MODEL_CALLS.get(self.program.origin(module, call.of))
        if name is None:
            return None
        arguments = read_arguments(self.program, module, call)
        model = arguments.given.get("model")
        if model is None:
            return None
        if isinstance(model.node, Call) and self.program.origin(model.module, model.node.of) in MODEL_MAKERS:
            if not model.node.args:
                return None
            given = {**arguments.given, "model": Found(model.module, model.node.args[0])}
            arguments = Arguments(given, arguments.open)
        else:
            value = fold(self.program, model.module, model.node)
            if not (isinstance(value, Known) and isinstance(value.value, str) and "claude" in value.value):
                return None
        method = "stream" if "stream" in self.program.origin(module, call.of).lower() else "create"
        return Request(module, call, name, method, arguments, None, module.function_of(call))

    def http(self, module: Module, call: Call) -> Request | None:
        """A plain HTTP request to the API's own address."""
        origin = self.program.origin(module, call.of)
        by_session = isinstance(call.of, Member) and call.of.name in HTTP_METHODS
        if not (HTTP_CALLS.fullmatch(origin) or by_session) or not self.is_to_claude(module, call):
            return None
        outer = read_arguments(self.program, module, call)
        session = session_of(self.program, module, call)
        if session is not None:
            kept = read_arguments(self.program, session.module, session.call).given
            outer = outer.over(Arguments(_for_client(kept)))
        body = body_of(call)
        inner = Arguments({}, open=True) if body is None else arguments_of_body(self.program, module, body)
        return Request(module, call, "http", "create", inner.over(outer), None, module.function_of(call))

    def is_to_claude(self, module: Module, call: Call) -> bool:
        addresses = [*call.args[:2], *(value for name, value in call.named if name == "url")]
        return any(says_address(self.program, module, node) for node in addresses)


def _for_client(given: object) -> dict[str, Found]:
    assert isinstance(given, dict)
    return {
        role: found
        for role, found in given.items()
        if role in {"timeout", "max_retries", "api_key", "base_url", "transport"}
    }


def _is_property(node: Node) -> bool:
    name = node.id if isinstance(node, Name) else node.name if isinstance(node, Member) else ""
    return name in {"property", "cached_property"}
