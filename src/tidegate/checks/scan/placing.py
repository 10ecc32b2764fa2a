"""The places of what was found in objects: commits and paths, or why there are none."""

from collections.abc import Iterable, Iterator

from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.gather import in_commit, place_of
from tidegate.checks.scan.git import Git
from tidegate.checks.scan.names import display
from tidegate.checks.scan.objects import Object
from tidegate.checks.scan.results import Place
from tidegate.checks.scan.trace import EarlyLog, Sighting, commits, in_history, in_index, reachable, references, roots

_LOST_COMMIT = "no branch or tag leads there; `git gc` drops it in time, but it may have been pushed"
_LOST_BLOB = "in no commit: it was staged once; `git gc` drops it in time"

Found = tuple[Hit, Place]


def place_all(git: Git, log: EarlyLog, hits: dict[Object, list[Hit]], prefix: bytes) -> Iterator[Found]:
    """A place for every hit and every path; paths begin with `prefix`."""
    kinds: dict[bytes, dict[bytes, list[Hit]]] = {}
    for one, found in hits.items():
        kinds.setdefault(one.type, {})[one.id] = found
    unreachable = _Unreachable(git)
    yield from _contents(git, log, kinds.get(b"blob", {}), prefix, unreachable)
    yield from _names(git, log, kinds.get(b"tree", {}), prefix)
    yield from _messages(git, kinds.get(b"commit", {}), unreachable)
    yield from _tags(git, kinds.get(b"tag", {}))


class _Unreachable:
    """The commits that nothing leads to; asked for only when it matters."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._ids: list[bytes] | None = None

    def ids(self) -> list[bytes]:
        if self._ids is None:
            known = reachable(self._git)
            form = "--batch-check=%(objecttype) %(objectname)"
            lines = self._git.written("cat-file", "--batch-all-objects", "--unordered", form).splitlines()
            self._ids = [name for kind, _, name in (one.partition(b" ") for one in lines) if kind == b"commit"]
            self._ids = [name for name in self._ids if name not in known]
        return self._ids


def _contents(
    git: Git, log: EarlyLog, hits: dict[bytes, list[Hit]], prefix: bytes, lost: _Unreachable
) -> Iterator[Found]:
    if not hits:
        return
    seen = in_history(git, log, set(hits), lost.ids)
    left = hits.keys() - seen.keys()
    index, refs = (in_index(git), references(git)) if left else ({}, {})
    for name, found in hits.items():
        for hit in found:
            for sighting in seen.get(name, ()):
                yield hit, in_commit(hit, name, prefix, sighting, _note(sighting))
            if name in left and name in index:
                yield hit, place_of(hit, "staged", prefix + index[name], object=name.decode())
            elif name in left:
                note = f"under the reference {display(refs[name])}" if name in refs else _LOST_BLOB
                yield hit, place_of(hit, "history", None, object=name.decode(), note=note)


def _note(sighting: Sighting) -> str | None:
    if not sighting.ref.startswith(b"refs/") and sighting.ref != b"HEAD":
        return _LOST_COMMIT
    if sighting.ref == b"refs/stash":
        return "in the stash"
    if sighting.ref.startswith(b"refs/notes/"):
        return "in a note on the object that the path names"
    return None


def _names(git: Git, log: EarlyLog, hits: dict[bytes, list[Hit]], prefix: bytes) -> Iterator[Found]:
    """File names; the path is that of the folder, and the object is its tree."""
    below = in_history(git, log, set(hits), list) if hits else {}
    tops = roots(git, hits.keys() - below.keys()) if hits else {}
    for name, found in hits.items():
        sighting = tops.get(name) or next(iter(below.get(name, ())), None)
        place = Place(where="name", object=name.decode())
        if sighting is not None:
            folder = prefix + sighting.path + b"/" if sighting.path else prefix
            place = Place(
                where="name",
                path=display(folder) or None,
                object=name.decode(),
                commit=sighting.commit,
                author=display(sighting.author),
                date=sighting.date,
            )
        yield from ((hit, place) for hit in found)


def _messages(git: Git, hits: dict[bytes, list[Hit]], lost: _Unreachable) -> Iterator[Found]:
    facts = commits(git, hits) if hits else {}
    for name, found in hits.items():
        fact = facts.get(name)
        note = _LOST_COMMIT if name in set(lost.ids()) else None
        more = {} if fact is None else {"author": display(fact.author), "date": fact.date}
        for hit, text in _lines(git, name, b"commit", found):
            id_ = name.decode()
            yield hit, place_of(hit, "message", text, object=id_, commit=id_, note=note, **more)


def _tags(git: Git, hits: dict[bytes, list[Hit]]) -> Iterator[Found]:
    refs = references(git) if hits else {}
    for name, found in hits.items():
        ref = display(refs[name].removeprefix(b"refs/tags/")) if name in refs else None
        note = f"the tag {ref}" if ref else "a tag that no reference names any more"
        for hit, text in _lines(git, name, b"tag", found):
            yield hit, place_of(hit, "tag", text, object=name.decode(), note=note)


def _lines(git: Git, name: bytes, kind: bytes, hits: Iterable[Hit]) -> Iterator[tuple[Hit, bytes]]:
    """Lines counted from the message's first, and whether it is the message."""
    content = git.written("cat-file", kind.decode(), name.decode())
    head = content.partition(b"\n\n")[0].count(b"\n") + 2
    for hit in hits:
        if hit.line > head:
            yield Hit(hit.kind, hit.secret, hit.sure, hit.line - head, hit.column, hit.via), b"message"
        else:
            yield hit, b"header"
