"""From a project and the checks to a report: every verdict in its final state.

Rules
1. A check that raises is our bug; it becomes an unknown that says so, and the other checks go on.
2. A pass over sources that could not all be read is no pass: it is unknown, and says which source is missing.
3. Then people's notes count: a suppression for a finding, an attestation for what is unknown.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from tidegate.checks.check import Check
from tidegate.checks.notes import LONGEST, Notes, read_comments
from tidegate.checks.profiles import BUILT, Profile
from tidegate.checks.project import Project
from tidegate.checks.report import Report
from tidegate.checks.topics.usual import LOOK
from tidegate.checks.verdict import Evidence, State, Verdict, skipped, unknown

_NOT_GATHERED = frozenset[Evidence]({"static", "history", "config"})


def run(
    project: Project,
    checks: Sequence[Check],
    *,
    profile: Profile,
    known: Iterable[str],
    asked: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Judge a project; `asked`: what a command line names it, for the commands that a verdict may advise."""
    notes, comments = _with_comments(project, frozenset(known))
    verdicts: list[Verdict] = []
    for check in checks:
        tell(f"{check.id} {check.title}")
        found = (_named(verdict, check, asked) for verdict in _look(check, project, profile))
        verdicts.extend(_noted(verdict, notes, project.today) for verdict in found)
    return Report(
        root=str(project.root),
        verdicts=_with_fingerprints(project, verdicts),
        uses_claude=project.uses_claude,
        looked_at=project.looked_at,
        notices=(*project.notices, *_unread(project), *comments),
        asked=asked,
    )


def _named(verdict: Verdict, check: Check, asked: str) -> Verdict:
    """The verdict with its id, and the commands in it for this project."""
    here = verdict.supply.replace(" HERE ", f" {asked} " if asked else " ")
    return replace(verdict, check=check.id, supply=here.replace("--attest ID", f"--attest {check.id}"))


def _look(check: Check, project: Project, profile: Profile) -> list[Verdict]:
    if check.evidence not in profile.gathers and check.evidence in _NOT_GATHERED:
        return [skipped("this profile does not look at it")]
    try:
        found = list(check.look(project))
    except Exception as error:  # noqa: BLE001 - whatever a check stumbles over must not hide what the others found
        return [unknown(f"the check itself failed ({type(error).__name__})", supply="a report of this bug in tidegate")]
    assert found, f"{check.id} said nothing"
    missing, supply = _missing(check, project)
    if missing and all(one.state in {State.PASS, State.SKIPPED} for one in found):
        return [unknown(missing, supply=supply)]
    return found


def _missing(check: Check, project: Project) -> tuple[str, str]:
    """What keeps a pass from being one, and what would settle it."""
    if check.scope == "project" or check.evidence not in BUILT:
        return "", ""
    if not project.uses_claude:
        return "no use of Claude was found", "the folder of the program that calls Claude"
    lost = next((one for one in project.unread if one.mentions), None)
    if lost is not None:
        return f"{lost.path} {lost.why}", f"{lost.path} in a form that can be read; or {LOOK}"
    foreign = next(iter(project.foreign), "") if check.scope == "requests" else ""
    return foreign, f"{LOOK} (the notes say what could not be read)"


def _unread(project: Project) -> Iterator[str]:
    for one in project.unread:
        yield f"{one.path}: {one.why}"
    yield from project.foreign


def _with_comments(project: Project, known: frozenset[str]) -> tuple[Notes, list[str]]:
    suppressions = list(project.notes.suppressions)
    complaints: list[str] = []
    for module in project.program.modules.values():
        found, wrong = read_comments(module.path, module.lines, known)
        suppressions.extend(found)
        complaints.extend(wrong)
    return replace(project.notes, suppressions=tuple(suppressions)), complaints


def _noted(verdict: Verdict, notes: Notes, today: date) -> Verdict:
    """The verdict after what people have said about it."""
    if verdict.state in {State.FAIL, State.WARN}:
        return _suppressed(verdict, notes, today)
    return _attested(verdict, notes, today) if verdict.state is State.UNKNOWN else verdict


def _suppressed(verdict: Verdict, notes: Notes, today: date) -> Verdict:
    path, line = (verdict.place.path, verdict.place.line) if verdict.place else ("", 0)
    note = notes.suppression(verdict.check, path, line)
    if note is None:
        return verdict
    if note.until < today:
        return replace(verdict, text=f"{verdict.text} (It was suppressed until {note.until}.)")
    return replace(verdict, state=State.SUPPRESSED, reason=note.reason, until=str(note.until))


def _attested(verdict: Verdict, notes: Notes, today: date) -> Verdict:
    said = notes.attestation(verdict.check)
    if said is None:
        return verdict
    if said.until < today:
        return replace(verdict, text=f"{verdict.text} ({said.by} attested it until {said.until}.)")
    if said.until > min(said.on or today, today) + LONGEST:
        far = f"{said.by} attested it until {said.until}, which is too far: at most {LONGEST.days} days count"
        return replace(verdict, text=f"{verdict.text} ({far}.)")
    until = str(said.until)
    return replace(verdict, state=State.ATTESTED, evidence="attested", by=said.by, reason=said.how, until=until)


def _with_fingerprints(project: Project, verdicts: list[Verdict]) -> tuple[Verdict, ...]:
    """Findings get a name that does not change when lines move: check, path, the line's text, and which of its like."""
    counts: dict[str, int] = {}
    made: list[Verdict] = []
    for verdict in verdicts:
        if verdict.state in {State.PASS, State.SKIPPED}:
            made.append(verdict)
            continue
        text = _line(project, verdict)
        print_ = hashlib.sha256(
            "\0".join((verdict.check, verdict.place.path if verdict.place else "", text)).encode(errors="replace")
        )
        counts[print_.hexdigest()] = number = counts.get(print_.hexdigest(), 0) + 1
        made.append(replace(verdict, fingerprint=f"{print_.hexdigest()[:24]}{number}"))
    return tuple(made)


def _line(project: Project, verdict: Verdict) -> str:
    """The text of the line; of what is secret, only the kind of finding."""
    place = verdict.place
    module = project.program.modules.get(place.path) if place else None
    if place is None or module is None or verdict.secret or not 0 < place.line <= len(module.lines):
        return verdict.text
    return "".join(module.lines[place.line - 1].split())
