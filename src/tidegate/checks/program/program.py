"""What names mean across the files of a project.

Rules
1. `origin` answers for what comes from outside: `anthropic.Anthropic`, `@anthropic-ai/sdk.default`, `console.log`;
   a name that nothing binds is the language's own.
2. `find` answers for what the project itself defines: a function, a class, an assignment, a parameter.
3. A name that is bound more than once means the last binding; an import wins over what replaces it when it fails.
4. Whoever cannot tell says nothing (None or ""): the checks then say that they cannot tell.
"""

import posixpath
import re
from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeVar

from tidegate.checks.program.module import SELVES, Binding, Module
from tidegate.checks.tree.nodes import (
    Assign,
    Block,
    Call,
    Class,
    Const,
    Exit,
    Function,
    Import,
    Map,
    Member,
    Name,
    Node,
    Operation,
    Param,
)
from tidegate.checks.tree.walk import walk_here

N = TypeVar("N", bound=Node)
_HOPS = 8
_WORD = re.compile(r"[A-Za-z_]\w*")
_ROOTS = {"src", "lib", "app", "backend", "server", "api", "python", "services", "packages"}
"""Folders from which imports often begin, wherever the importer stands."""
_ENDINGS = (".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".cjs", ".cts")


class Found(NamedTuple):
    """Something that the project defines; a module's root stands for the module."""

    module: Module
    node: Node


class Program:
    """All modules that were read; what is worked out once is kept."""

    def __init__(self, modules: Mapping[str, Module], paths: Container[str] = ()) -> None:
        self.modules = modules
        self.paths = paths
        """Every file of the project, read or not."""
        self._found: dict[Node, Found | None] = {}
        self._origins: dict[Node, str] = {}

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.modules:
            found.setdefault(_parts(path)[-1], []).append(path)
        return found

    def every(self, kind: type[N]) -> Iterator[tuple[Module, N]]:
        """Every node of one class, with its module."""
        for module in self.modules.values():
            for node in module.every(kind):
                yield module, node

    def module_of(self, importer: Module, spec: str) -> Module | None:
        """The module of the project that an import names."""
        resolve = self._python if importer.language == "python" else self._script
        return self.modules.get(resolve(importer.path, spec) or "")

    def _python(self, importer: str, spec: str) -> str | None:
        dots = len(spec) - len(spec.lstrip("."))
        words = [word for word in spec.lstrip(".").split(".") if word]
        if dots:
            folder = importer.split("/")[:-dots]
            return self._exact([*folder, *words], (".py",), "__init__")
        return self._ending(importer, words)

    def _script(self, importer: str, spec: str) -> str | None:
        bare = posixpath.splitext(spec)[0] if spec.endswith((".js", ".mjs", ".ts", ".tsx", ".jsx")) else spec
        if bare.startswith("."):
            where = posixpath.normpath(posixpath.join(posixpath.dirname(importer), bare))
            return self._exact(where.split("/"), _ENDINGS, "index")
        if bare.startswith(("@/", "~/", "#", "$lib/", "src/")):
            words = [word for word in bare.lstrip("@~#$").split("/") if word]
            fitting = [path for path in self._by_stem.get(words[-1], ()) if _parts(path)[-len(words) :] == words]
            return _nearest(fitting, importer)
        return None

    def _exact(self, words: list[str], endings: tuple[str, ...], package: str) -> str | None:
        name = "/".join(words)
        tries = [*(f"{name}{one}" for one in endings), *(f"{name}/{package}{one}".lstrip("/") for one in endings)]
        return next((path for path in tries if path in self.modules), None)

    def _ending(self, importer: str, words: list[str]) -> str | None:
        """The module that an absolute import leads to; the nearest to the importer when there are several."""
        if not words:
            return None
        fitting = [path for path in self._by_stem.get(words[-1], ()) if self._is_reached(importer, path, words)]
        return _nearest(fitting, importer)

    def _is_reached(self, importer: str, path: str, words: list[str]) -> bool:
        """Whether the words lead to a path from a folder that imports may begin in: no package, and near."""
        parts = _parts(path)
        if parts[-len(words) :] != words:
            return False
        begin = "/".join(parts[: -len(words)])
        if begin and f"{begin}/__init__.py" in self.paths:
            return False
        return not begin or importer.startswith(f"{begin}/") or begin.rpartition("/")[2] in _ROOTS

    def bindings(self, module: Module, node: Name) -> tuple[Binding, ...]:
        """What a name is bound to where it stands."""
        return module.lookup(node.id, node)

    def find(self, module: Module, node: Node, hops: int = _HOPS) -> Found | None:
        """What an expression names, when the project defines it."""
        if hops <= 0 or not isinstance(node, Name | Member):
            return None
        if node not in self._found:
            self._found[node] = None  # until it is known: names that mean each other mean nothing
            if isinstance(node, Name):
                self._found[node] = self._find_name(module, node, hops)
            else:
                self._found[node] = self._find_member(module, node, hops)
        return self._found[node]

    def _find_name(self, module: Module, node: Name, hops: int) -> Found | None:
        if node.id in SELVES:
            owner = module.class_of(node)
            return None if owner is None else Found(module, owner)
        bound = self.bindings(module, node)
        return self.follow(module, _last(bound), hops - 1) if bound else self._passed_on(module, node.id, hops)

    def follow(self, module: Module, binding: Binding, hops: int = _HOPS) -> Found | None:
        """What a binding leads to: through imports to the module that defines it, and through plain aliases."""
        if isinstance(binding, Import):
            return self._imported(module, binding, hops)
        if (
            isinstance(binding, Assign)
            and isinstance(binding.value, Name | Member)
            and isinstance(binding.target, Name)
        ):
            return self.find(module, binding.value, hops - 1) or Found(module, binding)
        return Found(module, binding)

    def _imported(self, module: Module, one: Import, hops: int) -> Found | None:
        source = self.module_of(module, one.module)
        if one.name == "":
            return None if source is None else Found(source, source.root)
        inner = self.module_of(module, _joined(one.module, one.name)) if module.language == "python" else None
        if source is not None:
            found = self.exported(source, one.name, hops - 1)
            if found is not None:
                return found
        return None if inner is None else Found(inner, inner.root)

    def exported(self, module: Module, name: str, hops: int = _HOPS) -> Found | None:
        """What a module offers under a name."""
        node = module.exports.get(name)
        if hops <= 0:
            return None
        if isinstance(node, Import):
            return self._imported(module, node, hops - 1)
        if isinstance(node, Function | Class) or (
            node is not None and name == "default" and not isinstance(node, Name)
        ):
            return Found(module, node)
        bound = module.scopes[module.root].get(node.id if isinstance(node, Name) else name, ())
        return self.follow(module, _last(bound), hops - 1) if bound else self._passed_on(module, name, hops)

    def _passed_on(self, module: Module, name: str, hops: int) -> Found | None:
        """What `export * from "./x"` or `from x import *` brings."""
        for star in module.scopes[module.root].get("*", ()):
            source = self.module_of(module, star.module) if isinstance(star, Import) else None
            found = None if source is None or source is module else self.exported(source, name, hops - 1)
            if found is not None:
                return found
        return None

    def _find_member(self, module: Module, node: Member, hops: int) -> Found | None:
        of = self.find(module, node.of, hops - 1)
        if of is None and isinstance(node.of, Call):  # Service().ask()
            of = self.find(module, node.of.of, hops - 1)
        if of is None:
            return None
        if isinstance(of.node, Block):
            return self.exported(of.module, node.name, hops - 1) or self._submodule(of.module, node.name)
        if isinstance(of.node, Assign) and isinstance(of.node.value, Map):
            return self._function_in(of.module, of.node.value, node.name)
        owner = self._class(of, hops - 1)
        return None if owner is None else self.member(owner, node.name, hops - 1)

    def _submodule(self, package: Module, name: str) -> Found | None:
        """`app.llm` after `import app.llm`."""
        module = self.module_of(package, f".{name}") if package.language == "python" else None
        return None if module is None else Found(module, module.root)

    def _function_in(self, module: Module, table: Map, name: str) -> Found | None:
        """A function among the entries of an object; other entries are for `fold`."""
        for key, value in table.entries:
            if isinstance(key, Const) and key.value == name and isinstance(value, Function):
                return Found(module, value)
        return None

    def _class(self, of: Found, hops: int) -> Found | None:
        """The class itself, or that of an instance."""
        if hops <= 0:
            return None
        if isinstance(of.node, Class):
            return of
        if isinstance(of.node, Param):
            return self._typed(of.module, of.node, hops - 1)
        return self._class_of_value(of.module, of.node.value, hops - 1) if isinstance(of.node, Assign) else None

    def _class_of_value(self, module: Module, value: Node, hops: int) -> Found | None:
        """The class that a value is an instance of."""
        if isinstance(value, Name | Member):  # self.service = service
            again = self.find(module, value, hops - 1)
            return None if again is None or isinstance(again.node, Class) else self._class(again, hops - 1)
        if isinstance(value, Operation) and value.sign in {"or", "??", "?:"}:  # config or Config()
            made = (self._class_of_value(module, part, hops - 1) for part in reversed(value.parts))
            return next((one for one in made if one is not None), None)
        found = self.find(module, value.of, hops - 1) if isinstance(value, Call) else None
        if found is not None and isinstance(found.node, Function):  # settings = get_settings()
            given = (self._class_of_value(found.module, one, hops - 1) for one in returned(found.node))
            return next((one for one in given if one is not None), None) if hops > 0 else None
        return found if found is not None and isinstance(found.node, Class) else None

    def _typed(self, module: Module, param: Param, hops: int) -> Found | None:
        """The class of the project that a parameter is annotated with."""
        for word in _WORD.findall(param.kind):
            for binding in module.scopes[module.root].get(word, ()):
                found = self.follow(module, binding, hops - 1)
                if found is not None and isinstance(found.node, Class):
                    return found
        return None

    def member(self, owner: Found, name: str, hops: int = _HOPS) -> Found | None:
        """A method, a field or what the methods assign to `self.name`, here or in a class above."""
        assert isinstance(owner.node, Class)
        if hops <= 0:
            return None
        bound = (*owner.module.scopes[owner.node].get(name, ()), *owner.module.fields[owner.node].get(name, ()))
        if bound:
            return Found(owner.module, _last(bound))
        for one in owner.node.of:
            found = self.find(owner.module, one, hops - 1)
            if found is not None and isinstance(found.node, Class) and found.node is not owner.node:
                inherited = self.member(found, name, hops - 1)
                if inherited is not None:
                    return inherited
        return None

    def origin(self, module: Module, node: Node, hops: int = _HOPS) -> str:
        """Where something from outside comes from, dotted; "" for what the project makes itself."""
        if node not in self._origins:
            self._origins[node] = ""  # as above
            self._origins[node] = self._origin(module, node, hops)
        return self._origins[node]

    def _origin(self, module: Module, node: Node, hops: int) -> str:
        if hops > 0 and isinstance(node, Member):
            of = self.origin(module, node.of, hops - 1)
            return f"{of}.{node.name}" if of else ""
        if hops <= 0 or not isinstance(node, Name) or node.id in SELVES:
            return ""
        bound = self.bindings(module, node)
        last = _last(bound) if bound else None
        if isinstance(last, Import):
            return self._origin_of_import(module, last, hops)
        if isinstance(last, Assign) and isinstance(last.value, Name | Member) and isinstance(last.target, Name):
            return self.origin(module, last.value, hops - 1)
        return "" if bound else node.id

    def _origin_of_import(self, module: Module, one: Import, hops: int) -> str:
        source = self.module_of(module, one.module)
        if source is None:
            return f"{one.module}.{one.name}" if one.name else one.module
        again = source.scopes[source.root].get(one.name, ())
        if again and isinstance(_last(again), Import) and source is not module:  # passed on by a module of the project
            return self._origin_of_import(source, _as_import(_last(again)), hops - 1) if hops > 0 else ""
        return ""


def returned(function: Function) -> Iterator[Node]:
    """What a function itself returns or yields."""
    for node in walk_here(*function.body):
        if isinstance(node, Exit) and node.kind in {"return", "yield"} and node.value is not None:
            yield node.value


def _as_import(binding: Binding) -> Import:
    assert isinstance(binding, Import)
    return binding


def _last(bound: tuple[Binding, ...]) -> Binding:
    return next((one for one in bound if isinstance(one, Import)), bound[-1])


def _joined(module: str, name: str) -> str:
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"


def _nearest(paths: list[str], importer: str) -> str | None:
    return max(paths, key=lambda path: len(posixpath.commonprefix([path, importer])), default=None)


def _parts(path: str) -> list[str]:
    """`a/b/__init__.py` as a, b."""
    parts = posixpath.splitext(path)[0].split("/")
    return parts[:-1] if parts[-1] in {"__init__", "index"} and len(parts) > 1 else parts
