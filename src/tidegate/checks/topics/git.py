"""Point 2, around the key: .env files stay out of git and out of images."""

import re
from collections.abc import Container, Iterator

from msgspec.structs import replace

from tidegate.checks.check import Check
from tidegate.checks.files.ignored import MUST_BE_IGNORED
from tidegate.checks.files.kinds import is_beside
from tidegate.checks.project import Project
from tidegate.checks.scan.advice import is_dockerfile
from tidegate.checks.scan.docker import contexts
from tidegate.checks.scanned import Secrets
from tidegate.checks.topics import browser, keys
from tidegate.checks.topics.usual import count
from tidegate.checks.verdict import Edit, Evidence, Place, State, Verdict, failed, passed, skipped, unknown, warned

_COMPUTED = re.compile(r"^[ \t]*((?:COPY|ADD)[ \t]+(?:--\S+[ \t]+)*\$\S+)", re.MULTILINE | re.IGNORECASE)
"""`COPY ${SOURCE} /srv`."""
_HERE = "run it in the repository, before the first commit: `git init`"


def ignored(project: Project) -> Iterator[Verdict]:
    """What .gitignore does not name is one `git add .` away from everybody who can read the repository, for ever: a
    deleted file stays in the history.
    """
    said = project.ignored.get()
    if said.error:
        yield unknown(said.error, supply=_HERE)
        return
    for path in said.open:
        name = path.rpartition("/")[2]
        place = Place(".gitignore")
        text = f"git does not ignore {path}."
        yield failed(place, text, fix=f"Add {name} to .gitignore.", edits=(Edit(place, f"{name}\n"),))
    if not said.open:
        yield passed(f"git ignores {', '.join(MUST_BE_IGNORED)}", "config")


def untracked(project: Project) -> Iterator[Verdict]:
    """A .env file that git has is in every clone.  .gitignore does not help any more once a file is tracked."""
    said = project.ignored.get()
    if said.error:
        yield unknown(said.error, supply=_HERE)
        return
    for path in said.tracked:
        fix = f"git rm --cached {path}, ignore it, and make new keys in place of those in it."
        yield failed(Place(path), "git has this file, and with it what is secret in it.", fix=fix, secret=True)
    if not said.tracked:
        yield passed("git tracks no .env file with secrets", "config")


def history(project: Project) -> Iterator[Verdict]:
    """A key that was committed once stays in the history, in every clone and in every fork, also after the file was
    deleted.  Rewriting the history does not take it back: only deleting the key in the Console does.
    """
    yield from _secrets(project.secrets.get().history, "object", "history")


def files(project: Project) -> Iterator[Verdict]:
    """Keys hide in more than code: notebooks, compose files, test recordings, archives.  What lies in the work tree is
    one `git add .` away from the history.
    """
    yield from _secrets(project.secrets.get().files, "file", "static", set(_said_already(project)))


def _said_already(project: Project) -> Iterator[tuple[str, int]]:
    """The lines, or with line 0 the files, of which other checks say it."""
    for look in (keys.written, keys.defaulted, untracked, browser.public):
        for verdict in look(project):
            if verdict.place is not None:
                yield verdict.place.path, verdict.place.line


def _secrets(
    secrets: Secrets, unit: str, evidence: Evidence, said: Container[tuple[str, int]] = ()
) -> Iterator[Verdict]:
    fine = True
    for finding, at in secrets.found:
        place = Place(at.path or "", at.line) if unit == "file" and at.path else None
        if place is not None and ((place.path, place.line) in said or (place.path, 0) in said):
            continue
        fine = False
        where = "" if place is not None else f": {at.label}"
        text = f"{finding.title} {finding.shown}{where}."
        verdict = failed(place, text, fix=" ".join(finding.advice[:2]), secret=True)
        if finding.suppressed is not None:
            state, reason, until = State.SUPPRESSED, finding.suppressed.reason, str(finding.suppressed.expires)
            verdict = replace(verdict, state=state, reason=reason, until=until)
        yield verdict
    for one in secrets.unknowns:
        fine = False
        yield unknown(one.what, supply=one.remedy)
    if fine:
        yield passed(f"no credential in {count(secrets.read, unit)}", evidence)


def images(project: Project) -> Iterator[Verdict]:
    """`COPY . .` takes .env into the image, where whoever can pull it can read it; .gitignore is not asked there."""
    paths = [path.encode(errors="surrogateescape") for path in project.listing.paths]
    docker = [path for path in project.listing.paths if is_dockerfile(path) and not is_beside(path)]
    if not docker:
        yield skipped("there is no Dockerfile")
        return
    found_risks = (one.risk(b"") for one in contexts(project.root, paths))
    risks = [risk for risk in found_risks if risk is not None and risk.path in docker]
    for risk in risks:
        where = f"{risk.path.rpartition('/')[0]}/.dockerignore".lstrip("/")
        edits = (Edit(Place(where), "**/.env*\n"),)
        yield warned(Place(risk.path, risk.line), f"It {risk.what}.", fix=f"Put **/.env* into {where}.", edits=edits)
    unclear = [
        (text, found) for text in project.texts if text.path in docker for found in _COMPUTED.finditer(text.text)
    ]
    for text, found in unclear:
        place = Place(text.path, text.text.count("\n", 0, found.start(1)) + 1)
        yield unknown("what this copies depends on an ARG", supply="the folders to copy, by name", place=place)
    if not risks and not unclear:
        yield passed(f"{count(len(docker), 'Dockerfile')} without .env files in the image", "config")


CHECKS = (
    Check(
        id="TG201",
        title=".env files are ignored by git",
        severity="high",
        confidence="high",
        evidence="config",
        scope="project",
        look=ignored,
        bad="# .gitignore without .env",
        good=".env\n.env.local\n.env.production",
        fixes=True,
    ),
    Check(
        id="TG202",
        title="No .env file is tracked by git",
        severity="high",
        confidence="high",
        evidence="config",
        scope="project",
        look=untracked,
        bad="git add -f .env",
        good="git rm --cached .env",
    ),
    Check(
        id="TG203",
        title="No key is in the history",
        severity="high",
        confidence="high",
        evidence="history",
        scope="project",
        look=history,
        bad="git commit -am 'remove the key'   # it is still in the commit before",
        good="the key deleted in the Console, a new one in the environment",
    ),
    Check(
        id="TG204",
        title="No key is in any other file",
        severity="high",
        confidence="high",
        evidence="static",
        scope="project",
        look=files,
        bad='environment: ["ANTHROPIC_API_KEY=sk-ant-api03-…"]   # compose.yaml',
        good='environment: ["ANTHROPIC_API_KEY"]   # handed on from where compose runs',
    ),
    Check(
        id="TG205",
        title="No image takes in .env files",
        severity="medium",
        confidence="medium",
        evidence="config",
        scope="project",
        look=images,
        bad="COPY . .        # and no .dockerignore",
        good="# .dockerignore\n.env\n.env.*",
        fixes=True,
    ),
)
