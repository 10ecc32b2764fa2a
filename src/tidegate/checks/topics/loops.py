"""Point 5, per task: a loop that asks again and again ends by itself."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.bounds import is_endless, waits_for_work
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import count, no_request, spoken
from tidegate.checks.tree.nodes import Call, Loop, Node
from tidegate.checks.tree.walk import walk_here
from tidegate.checks.verdict import Place, Verdict, failed, passed, skipped, unknown


def bounded(project: Project) -> Iterator[Verdict]:
    """An agent that decides itself whether it is done may never be: two tools that disagree are enough.  Every round
    sends the whole conversation again, so the cost of a loop grows with the square of its rounds.  Count the rounds
    and stop.
    """
    yield from no_request(project)
    if not project.requests:
        return
    loops = list(_loops(project))
    runners = [request for request in project.requests if request.method in {"tool_runner", "toolRunner"}]
    wrong = False
    for module, loop in loops:
        if is_endless(loop):
            wrong = True
            place = Place(module.path, loop.at[0])
            form = spoken(module, "for _ in range(20):", "for (let round = 0; round < 20; round++)")
            fix = f"Count the rounds: `{form}`, and say what happens when they are used up."
            yield failed(place, "Claude is asked in a loop that only its own answers end.", fix=fix)
    for request in runners:
        if "max_iterations" in request.arguments.given:
            continue
        wrong = True
        if request.arguments.open:
            yield unknown(
                "whether this tool runner ends cannot be told",
                supply="max_iterations in sight",
                place=project.at(request),
            )
        else:
            yield failed(project.at(request), "A tool runner may go on for ever.", fix="Set max_iterations=20.")
    if not wrong and not loops and not runners:
        yield skipped("Claude is asked in no loop")
    elif not wrong:
        yield passed(f"{count(len(loops) + len(runners), 'loop')} around requests end by themselves")


def _loops(project: Project) -> Iterator[tuple[Module, Loop]]:
    """The loops in which Claude is asked, but for those that only try one request again or wait for work each round."""
    sites = project.reach.nodes
    retried = {layer.node.at[0] for layer in project.layers if layer.name == "a loop"}
    for module, node in project.program.every(Loop):
        if (node.over is not None and not is_endless(node)) or waits_for_work(node):
            continue
        asked = [one for one in walk_here(*node.body) if one in sites and _is_nearest(module, one, node)]
        if asked and not (node.at[0] in retried and not _goes_on_after_success(node)):
            yield module, node


def _is_nearest(module: Module, node: Node, loop: Loop) -> bool:
    return next((one for one in module.above(node) if isinstance(one, Loop)), None) is loop


def _goes_on_after_success(loop: Loop) -> bool:
    """Whether something is done with an answer before the next round: an agent, not only a retry."""
    return any(isinstance(one, Call) and _appends(one) for one in walk_here(*loop.body))


def _appends(call: Call) -> bool:
    name = getattr(call.of, "name", "")
    return name in {"append", "extend", "push", "concat"}


CHECKS = (
    Check(
        id="TG504",
        title="Loops around requests end",
        severity="high",
        confidence="medium",
        evidence="static",
        scope="requests",
        look=bounded,
        bad='while response.stop_reason == "tool_use": …',
        good="for _ in range(20): …",
    ),
)
