"""A scan under way: files, index and history of a repository, and of the repositories in it."""

import os
from collections.abc import Callable
from pathlib import Path

from tidegate.checks.scan import gaps
from tidegate.checks.scan.cache import Cache
from tidegate.checks.scan.dig import Digger
from tidegate.checks.scan.docker import Context, contexts
from tidegate.checks.scan.files import read_files
from tidegate.checks.scan.gather import Gathered, place_of
from tidegate.checks.scan.history import MOST_THREADS, Looked, look
from tidegate.checks.scan.listing import Listed, in_repository
from tidegate.checks.scan.local import local_files
from tidegate.checks.scan.names import display
from tidegate.checks.scan.objects import Listed as Objects
from tidegate.checks.scan.objects import all_objects
from tidegate.checks.scan.placing import place_all
from tidegate.checks.scan.repository import Repository, find_repository
from tidegate.checks.scan.results import Progress, Risk, Unknown
from tidegate.checks.scan.sieve import Sieve
from tidegate.checks.scan.staged import staged
from tidegate.checks.scan.trace import EarlyLog
from tidegate.checks.scan.trouble import ScanError

_PUBLISHED = "build output: git ignores it, but whoever serves it publishes it"


class Scanning:
    """What was found and counted so far.  `prefix` is the path of a repository inside another one."""

    def __init__(self, *, cache: bool, unpack: int, progress: Progress | None) -> None:
        self.gathered = Gathered()
        self.counts: dict[str, int] = {}
        self.unknowns: list[Unknown] = []
        self.risks: list[Risk] = []
        self.notes: list[str] = []
        self._digger = Digger(Sieve(), unpack)
        self._cache, self._unpack, self._progress = cache, unpack, progress

    def repository(self, repository: Repository, listed: Listed | None, *, history: bool, prefix: bytes = b"") -> None:
        """The files of a repository, and its history or what is staged; `listed` is None for one without files."""
        self._digger.stores.add(repository)
        if listed is not None and repository.top is not None:
            for folder in self.files(repository.top, listed, prefix):
                self._inner(repository.top, folder, history=history, prefix=prefix)
            if not (history or listed.chosen):
                self.index(repository, prefix)
        if history:
            self._history(repository, prefix)

    def files(self, top: Path, listed: Listed, prefix: bytes = b"") -> list[bytes]:
        """The files of a work tree; returns the folders among them, which are repositories."""
        chosen = [*listed.files, *listed.published]
        read = read_files(top, chosen, self._digger, self._telling("files", len(chosen)))
        published = set(listed.published)
        for path, hits in read.hits.items():
            note = _PUBLISHED if path in published else None
            for hit in hits:
                self.gathered.add(hit, place_of(hit, "file", prefix + path, note=note))
        self._kept(top, listed.kept, prefix, list(contexts(top, listed.files)))
        self.unknowns += gaps.in_files(read, listed.warnings, prefix)
        self._count(files=read.read, bytes=read.size)
        return read.folders

    def index(self, repository: Repository, prefix: bytes = b"") -> None:
        """What is staged."""
        self._digger.stores.add(repository)
        entries = staged(repository.git)
        ids = list({one.id for one in entries})
        objects = Objects(ids, [b"0"] * len(ids), ())
        looked = look(repository.git, objects, self._digger, 1, self._telling("staged", len(ids)))
        found = {one.id: hits for one, hits in looked.hits.items()}
        for entry in entries:
            for hit in found.get(entry.id, ()):
                self.gathered.add(hit, place_of(hit, "staged", prefix + entry.path, object=entry.id.decode()))
        self._objects(looked)
        self._count(staged=len(entries))

    def _history(self, repository: Repository, prefix: bytes) -> None:
        file = Cache(repository.common, repository.id_length, self._unpack)
        known = file.read() if self._cache else set()
        objects = all_objects(repository.git)
        new = objects.without(known)
        threads = min(MOST_THREADS, os.cpu_count() or 1)
        log = EarlyLog(repository.git, len(objects.ids))
        telling = self._telling("history", len(new.ids))
        looked = look(repository.git, new, self._digger, threads, telling, log.begin)
        for hit, place in place_all(repository.git, log, looked.hits, prefix):
            self.gathered.add(hit, place)
        for hit, path in local_files(repository.common, self._digger):
            self.gathered.add(hit, place_of(hit, "git", prefix + path))
        clean = known.intersection(objects.ids).union(looked.clean)
        trouble = file.write(clean) if self._cache and clean != known else None
        if trouble:
            self.notes.append(f"the next scan will read the whole history again: {trouble}")
        self._objects(looked)
        known_count = len(objects.ids) - len(new.ids)
        self._count(objects=len(objects.ids), objects_known=known_count, objects_read=looked.read)
        self.unknowns += gaps.in_repository(repository, objects.warnings, prefix)

    def _inner(self, top: Path, folder: bytes, *, history: bool, prefix: bytes) -> None:
        """A submodule, or a repository that lies in another one."""
        path = top / os.fsdecode(folder)
        here = prefix + folder.rstrip(b"/") + b"/"
        try:
            inner = find_repository(path) if os.path.lexists(path / ".git") else None
            if inner is None or inner.top is None or not inner.top.samefile(path):
                self.notes.append(f"{display(here)} is a submodule that is not checked out: not read")
                return
            self.repository(inner, in_repository(inner.git, inner.top), history=history, prefix=here)
        except ScanError as error:
            self.unknowns.append(
                Unknown(f"{display(here)} cannot be read: {error}", "repair it, or take it out", "both")
            )

    def _kept(self, top: Path, kept: list[bytes], prefix: bytes, docker: list[Context]) -> None:
        """Ignored `.env` files: where a key belongs, unless a Dockerfile copies it into an image."""
        read = read_files(top, kept, self._digger, lambda _: None)
        fine = []
        for path, hits in read.hits.items():
            taken = next((one for one in docker if one.takes(path)), None)
            if taken is None:
                fine.append(display(prefix + path))
                continue
            note = f"git ignores it, but {display(prefix + taken.dockerfile)}:{taken.line} copies it into the image"
            for hit in hits:
                self.gathered.add(hit, place_of(hit, "file", prefix + path, note=note))
        if fine:
            self.notes.append(f"git ignores {', '.join(sorted(fine))}: a credential is in it, where it belongs")
        self.risks += [risk for one in docker if (risk := one.risk(prefix)) is not None]

    def _objects(self, looked: Looked) -> None:
        self.unknowns += gaps.in_objects(looked)
        self._count(bytes=looked.size)

    def _count(self, **more: int) -> None:
        for name, count in more.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def _telling(self, what: str, total: int) -> Callable[[int], None]:
        progress = self._progress
        if progress is None:
            return lambda _: None
        progress(what, 0, total)
        return lambda done: progress(what, done, total)
