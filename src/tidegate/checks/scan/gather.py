"""From hits to findings: one for each secret, with all its places, what to do, and whether it is suppressed."""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct, field
from msgspec.structs import replace

from tidegate.checks.scan.advice import advice
from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.kinds import KINDS, KindName
from tidegate.checks.scan.match import fingerprint, shown
from tidegate.checks.scan.names import display
from tidegate.checks.scan.results import Finding, Place, Suppressed, Where
from tidegate.checks.scan.suppressions import Suppressions
from tidegate.checks.scan.trace import Sighting

MOST_PLACES = 200
"""Of one secret."""

OWN = "tidegate"
"""This scanner, among those that have reported a secret."""


class _Secret(Struct):
    kind: KindName
    title: str
    shown: str
    sure: bool
    places: dict[Place, None] = field(default_factory=dict)
    reported_by: dict[str, None] = field(default_factory=dict)


class Gathered:
    """The secrets that were found so far, by fingerprint."""

    def __init__(self) -> None:
        self._secrets: dict[str, _Secret] = {}

    def add(self, hit: Hit, place: Place, tool: str = OWN) -> None:
        """A credential of a kind that is known."""
        title, visible = KINDS[hit.kind].title, shown(hit.secret.decode(), hit.kind)
        self._add(fingerprint(hit.secret), _Secret(hit.kind, title, visible, hit.sure), place, tool)

    def report(self, name: str, title: str, visible: str, place: Place, tool: str) -> None:
        """A secret of another kind, or one that a tool has not told."""
        self._add(name, _Secret("other", title, visible, sure=False), place, tool)

    def _add(self, name: str, secret: _Secret, place: Place, tool: str) -> None:
        known = self._secrets.setdefault(name, secret)
        if known.kind == "other":  # what a tool has said of it may be less
            known.kind, known.title, known.shown = secret.kind, secret.title, secret.shown
        known.sure = known.sure or secret.sure
        known.reported_by[tool] = None
        if tool == OWN or OWN not in known.reported_by:  # our own places say more
            known.places[place] = None

    def findings(self, suppressions: Suppressions, today: date) -> tuple[Finding, ...]:
        """All of them, those first that matter most."""
        found = [_finding(name, secret, suppressions.find(name), today) for name, secret in self._secrets.items()]
        return tuple(sorted(found, key=_rank))


def _finding(name: str, secret: _Secret, rule: Suppressed | None, today: date) -> Finding:
    places = _together(secret.places)[:MOST_PLACES]
    over = rule is not None and rule.expires < today
    return Finding(
        fingerprint=name,
        kind=secret.kind,
        title=secret.title,
        shown=secret.shown,
        confidence="high" if secret.sure else "medium",
        places=places,
        advice=advice(secret.kind, secret.shown, places),
        suppressed=None if over else rule,
        expired=rule if over else None,
        reported_by=tuple(secret.reported_by),
    )


def _together(places: Iterable[Place]) -> tuple[Place, ...]:
    """The versions of one path as one place, the oldest; work tree first."""
    found: dict[object, Place] = {}
    for place in places:
        key = (place.path, place.note) if place.where == "history" and place.path else place
        known = found.get(key)
        if known is None:
            found[key] = place
        elif known.object == place.object:
            continue
        else:
            older = min(known, place, key=lambda one: one.date or "9")
            found[key] = replace(older, versions=known.versions + 1)
    return tuple(sorted(found.values(), key=lambda one: (_ORDER.index(one.where), one.date or "9", one.label)))


_ORDER: tuple[Where, ...] = ("file", "staged", "history", "message", "tag", "name", "git")


def _rank(finding: Finding) -> tuple[bool, bool, int, str]:
    kinds = list(KINDS)
    return (
        finding.suppressed is not None,
        finding.confidence != "high",
        kinds.index(finding.kind),
        finding.fingerprint,
    )


def place_of(hit: Hit, where: Where, path: bytes | None, **more: object) -> Place:
    """The place of a hit; members of archives follow the path behind `!`."""
    name = None if path is None else b"!".join((path, *hit.inside))
    seen: Mapping[str, object] = {"line": hit.line, "column": hit.column, "via": hit.via, **more}
    return Place(where=where, path=None if name is None else display(name), **seen)  # type: ignore[arg-type]  # fields of Place


def in_commit(hit: Hit, object_id: bytes, prefix: bytes, sighting: Sighting, note: str | None) -> Place:
    """The place of a hit in a blob, as a commit has brought it in."""
    return place_of(
        hit,
        "history",
        prefix + sighting.path,
        object=object_id.decode(),
        commit=sighting.commit,
        author=display(sighting.author),
        date=sighting.date,
        note=note,
    )
