"""The frozen view of a project that every check looks at."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from tidegate.checks.boot.target import NO_RECEIPT, Target
from tidegate.checks.facts.addresses import unasked
from tidegate.checks.facts.alternatives import alternatives
from tidegate.checks.facts.doors import Door, find_doors
from tidegate.checks.facts.errors import find_handlers
from tidegate.checks.facts.jobs import queueing
from tidegate.checks.facts.layers import Layer, find_layers
from tidegate.checks.facts.limiters import Limiter, find_limiters
from tidegate.checks.facts.reach import Reach, find_reach, leaking
from tidegate.checks.facts.requests import Asking, Client, Request, find_asking
from tidegate.checks.facts.through import Through, find_through
from tidegate.checks.facts.ways import ADDRESS, FOREIGN
from tidegate.checks.facts.wide import Wide, find_wide
from tidegate.checks.files.bundles import Bundles, read_bundles
from tidegate.checks.files.ignored import Ignored, read_ignored
from tidegate.checks.files.kinds import MANIFESTS, language_of, name_of
from tidegate.checks.files.listing import Listing, list_files
from tidegate.checks.files.reading import Unread
from tidegate.checks.files.settings import Text, read_settings
from tidegate.checks.files.sources import Source, Sources, choose_sources
from tidegate.checks.later import Later
from tidegate.checks.live.facts import NOT_ASKED, Console
from tidegate.checks.notes import Notes
from tidegate.checks.program.fold import Value, fold, spoken
from tidegate.checks.program.module import Module, read_module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.scanned import Progress, Scanned, read_secrets
from tidegate.checks.tree.nodes import Function, Import, Node
from tidegate.checks.tree.trouble import UnreadError
from tidegate.checks.verdict import Place

Tell = Callable[[str], None]
NOTHING = Notes()


class Project(Struct, frozen=True):
    """Everything that is known about a project before anything is judged."""

    root: Path
    listing: Listing
    texts: tuple[Text, ...]
    program: Program
    clients: tuple[Client, ...]
    requests: tuple[Request, ...]
    doors: tuple[Door, ...]
    """Those that lead to Claude."""
    other_doors: tuple[Door, ...]
    queueing: tuple[Door, ...]
    """Those of the others that put jobs into a queue whose worker asks Claude."""
    reach: Reach
    leaks: frozenset[Function]
    """Functions that errors of Claude leave."""
    handlers: frozenset[Function]
    """Functions that answer for errors of Claude which nobody caught."""
    layers: tuple[Layer, ...]
    """Retries around requests."""
    limiters: tuple[Limiter, ...]
    wide: tuple[Wide, ...]
    """Limits of more than one door."""
    through: Through
    """Whether and how requests pass tidegate."""
    applications: tuple[str, ...]
    """Folders with a manifest, and the root."""
    foreign: tuple[str, ...]
    """`a.py uses CrewAI`: uses of Claude that cannot be read, in words."""
    unread: tuple[Unread, ...]
    looked_at: int
    bundles: Later[Bundles]
    secrets: Later[Scanned]
    ignored: Later[Ignored]
    notes: Notes
    """What people have said about it."""
    notices: tuple[str, ...]
    today: date
    console: Later[Console] = Later(lambda: NOT_ASKED)
    """What the Admin API says."""
    target: Later[Target] = Later(lambda: NO_RECEIPT)
    """What is known of the place where the program will run."""

    @property
    def uses_claude(self) -> bool:
        """Whether anything in it calls Claude, as far as can be seen; of what cannot be read, whether it may."""
        seen = self.clients or self.requests or self.foreign or self.through.used
        return bool(seen) or any(one.names_claude for one in self.unread)

    def place(self, module: Module, node: Node) -> Place:
        """Where a node stands."""
        return Place(module.path, *node.at)

    def at(self, request: Request | Client) -> Place:
        """Where a request is sent or a client is made: the name that is called, not all its arguments."""
        line, column, *_ = request.call.at
        *_, end_line, end_column = request.call.of.at
        return Place(request.module.path, line, column, end_line, end_column)

    def value(self, request: Request | Client, role: str) -> Value | None:
        """What an argument is worth; None: not given."""
        return request.arguments.value(self.program, role)

    def values(self, request: Request, role: str) -> tuple[Value, ...]:
        """Everything that an argument may be worth; empty: not given."""
        return alternatives(self.program, self.reach, request, role)

    def fold(self, found: Found) -> Value:
        """What an expression is worth."""
        return fold(self.program, found.module, found.node)

    def application(self, path: str) -> str:
        """The folder of the application that a file belongs to: the nearest with a manifest, else the root."""
        return _application(self.applications, path)


def read_project(
    root: Path,
    *,
    today: date,
    file: str = "",
    notes: Notes = NOTHING,
    history: bool = True,
    sources: bool = True,
    tell: Tell = lambda _: None,
    progress: Progress | None = None,
) -> Project:
    """Look at everything once; `file`: at that file of the folder alone; without `sources`: at no file."""
    tell("listing files" if sources else "looking around")
    listing = _list(root, notes, file) if sources else Listing(root, (), None)
    tell(f"looking for Claude in {len(listing.paths):,} files")
    chosen = choose_sources(listing)
    tell(f"reading {len(chosen.read):,} sources that have to do with Claude")
    program, unread = _read(chosen, listing)
    asking = find_asking(program)
    doors, others = _by_way(reach := find_reach(program, asking.requests), find_doors(program))
    texts = read_settings(listing)
    folders = _applications(listing)
    return Project(
        root=root,
        listing=listing,
        texts=texts,
        program=program,
        clients=asking.clients,
        requests=asking.requests,
        doors=doors,
        other_doors=others,
        queueing=queueing(program, reach, others),
        reach=reach,
        leaks=leaking(reach),
        handlers=find_handlers(program),
        layers=find_layers(program, reach, asking.requests),
        limiters=find_limiters(program),
        wide=find_wide(program),
        through=find_through(program, listing, texts),
        applications=folders,
        foreign=tuple(_beyond(program, asking, chosen)),
        unread=(*listing.closed, *unread),
        looked_at=chosen.looked_at,
        bundles=Later(lambda: read_bundles(root, folders)),
        secrets=Later(lambda: read_secrets(root, history=history, progress=progress)),
        ignored=Later(lambda: read_ignored(listing, texts, _asked(folders, asking))),
        notes=notes,
        notices=listing.notices,
        today=today,
    )


def _by_way(reach: Reach, doors: Iterable[Door]) -> tuple[tuple[Door, ...], tuple[Door, ...]]:
    """The doors that lead to Claude, and the others."""
    leading: list[Door] = []
    others: list[Door] = []
    for one in doors:
        (leading if reach.asks(one.function) else others).append(one)
    return tuple(leading), tuple(others)


def _list(root: Path, notes: Notes, file: str) -> Listing:
    listing = list_files(root, notes.exclude)
    return replace(listing, paths=(file,)) if file else listing


def _applications(listing: Listing) -> tuple[str, ...]:
    """The folders with a manifest, and the root."""
    found = (path for path in listing.paths if name_of(path) in MANIFESTS)
    return tuple(sorted({".", *(path.rpartition("/")[0] or "." for path in found)}))


def _application(folders: Iterable[str], path: str) -> str:
    known = set(folders)
    return next(one.as_posix() for one in PurePosixPath(path).parents if one.as_posix() in known)


def _asked(folders: Iterable[str], asking: Asking) -> set[str]:
    """The applications that send requests."""
    return {_application(folders, request.module.path) for request in asking.requests}


def _read(sources: Sources, listing: Listing) -> tuple[Program, tuple[Unread, ...]]:
    modules: dict[str, Module] = {}
    unread = list(sources.unread)
    for source in sources.read:
        try:
            modules[source.path] = read_module(source)
        except UnreadError as error:
            unread.append(Unread(source.path, str(error), mentions=True, names_claude=source.mentions))
        except ImportError:
            unread.append(Unread(source.path, _needs(source), mentions=True, names_claude=source.mentions))
    return Program(modules, frozenset(listing.paths)), tuple(unread)


def _needs(source: Source) -> str:
    assert language_of(source.path) != "python"
    return "needs ast-grep to be read: pip install 'tidegate[check]'"


def _beyond(program: Program, asking: Asking, sources: Sources) -> Iterator[str]:
    """Uses of Claude that cannot be read, in words."""
    yield from _libraries(program, asking.requests)
    yield from _unseen(program, asking)
    yield from (f"{path} is not read" for path in sources.foreign)


def _libraries(program: Program, requests: Iterable[Request]) -> Iterator[str]:
    """Libraries that call Claude in ways of their own, once for each file, but for those whose calls were read."""
    read = {(request.module.path, request.kind) for request in requests}
    for module in program.modules.values():
        if not module.mentions:
            continue
        foreign = {
            node.module for node in module.every(Import) if any(one in FOREIGN for one in _packages(node.module))
        }
        names = {
            FOREIGN[one]
            for spec in foreign
            if program.module_of(module, spec) is None
            for one in _packages(spec)
            if one in FOREIGN
        }
        yield from (f"{module.path} uses {name}" for name in sorted(names) if (module.path, name) not in read)


def _packages(spec: str) -> Iterator[str]:
    """A module and the packages that it is in: `a.b.c`, `a`, `a.b`; `@scope/name/part`, `@scope`, `@scope/name`."""
    yield spec
    for place, sign in enumerate(spec):
        if sign in "./":
            yield spec[:place]


def _unseen(program: Program, asking: Asking) -> Iterator[str]:
    """Requests that may be sent and were not read, each with its first place in a file."""
    seen: set[tuple[str, str]] = set()
    for module, node in asking.unread:
        said = (module.path, spoken(node))
        if said not in seen:
            seen.add(said)
            yield f"{module.path}:{node.at[0]} has {said[1]} in a form that is not read"
    for one in asking.lent:
        where, name = f"{one.module.path}:{one.call.at[0]}", spoken(one.call.of)
        yield f"{where} hands a client to {name} of {one.package}, and what that asks is not read"
    for module, node in unasked(program, asking):
        yield f"{module.path}:{node.at[0]} names {ADDRESS}, and what is sent there is not read"
    if not asking.requests and not asking.lent:
        for module in program.modules.values():
            if any({"anthropic", "@anthropic-ai"} & {*_packages(one)} for one in module.imported):
                yield f"{module.path} has the SDK, and where it asks was not seen"
                return
