"""Point 8: users see friendly words."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.errors import find_leaks, uncaught
from tidegate.checks.project import Project
from tidegate.checks.topics.doors import head, no_doors
from tidegate.checks.topics.usual import count, no_request, spoken
from tidegate.checks.verdict import Verdict, failed, passed, warned

_FIX = (
    "Answer with words of your own, or tidegate.friendly(error); keep the error's type and request id for the log.",
    "Answer with words of your own; keep the error's type and request id for the log.",
)
_CATCH = (
    "Catch anthropic.APIError around the call, or register one handler for the whole application.",
    "Catch Anthropic.APIError around the call, or use one error handler for the whole application.",
)


def friendly(project: Project) -> Iterator[Verdict]:
    """The text of an API error is written for developers.  It names models, limits, accounts and sometimes what the
    user wrote, it frightens people, and it tells attackers what to try.  Users need to know whether to wait,
    shorten or call.
    """
    yield from no_request(project)
    if not project.requests:
        return
    fine = True
    for leak in find_leaks(project.program, project.reach, project.doors, project.handlers, project.requests):
        fine = False
        place = project.place(leak.module, leak.node)
        fix = spoken(leak.module, *_FIX)
        if leak.sure:
            yield failed(place, "Users get the text of the error.", fix=fix)
        else:
            yield warned(place, "The text of the error is returned to a route, and may reach users.", fix=fix)
    if fine and project.doors:
        yield passed(f"no text of an error was seen to leave {count(len(project.doors), 'door')}")
    elif fine:
        yield no_doors(project)


def caught(project: Project) -> Iterator[Verdict]:
    """An error that nobody catches becomes the framework's own page: `Internal Server Error`, a blank screen, or a
    stack trace where debugging is on.
    """
    yield from no_request(project)
    if not project.requests:
        return
    if not project.doors:
        yield no_doors(project)
        return
    fine = True
    for door in project.doors:
        if not uncaught(project.reach, door.function) or _has_handler(project, project.application(door.module.path)):
            continue
        fine = False
        place = head(door.module, door.function)
        fix = spoken(door.module, *_CATCH)
        if uncaught(project.reach, door.function, some=True):
            text = f"Nobody catches Claude's errors on the way to {door.name}."
        else:
            text = f"Some of Claude's errors are caught on the way to {door.name}, and not all."
        yield warned(place, text, fix=fix)
    if fine:
        yield passed(f"Claude's errors are caught before {count(len(project.doors), 'door')}")


def _has_handler(project: Project, folder: str) -> bool:
    """Whether an application has a handler for errors that nobody caught."""
    homes = (project.reach.home[handler].path for handler in project.handlers)
    return any(folder == "." or path.startswith(f"{folder}/") for path in homes)


CHECKS = (
    Check(
        id="TG801",
        title="No text of an error reaches users",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=friendly,
        bad="except Exception as error:\n    raise HTTPException(500, detail=str(error))",
        good='except anthropic.APIError:\n    raise HTTPException(503, detail="Please try again in a minute.")',
    ),
    Check(
        id="TG802",
        title="Claude's errors are caught",
        severity="medium",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=caught,
        bad='@app.post("/chat")\ndef chat(…): return ask(…)   # no try, no handler',
        good="@app.exception_handler(anthropic.APIError)\ndef sorry(request, error): …",
    ),
)
