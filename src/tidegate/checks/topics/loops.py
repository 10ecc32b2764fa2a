"""Point 5, per task: a loop that asks again and again ends by itself."""

from collections.abc import Iterator

from tidegate.checks.check import Check
from tidegate.checks.facts.bounds import is_endless, waits_for_work
from tidegate.checks.facts.recursions import Ends, asks_for_more, ends_of, is_caught, self_calls
from tidegate.checks.facts.requests import Request
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.topics.doors import head
from tidegate.checks.topics.usual import count, no_request, spoken
from tidegate.checks.tree.nodes import Call, Loop, Node
from tidegate.checks.tree.walk import walk_here
from tidegate.checks.verdict import Verdict, failed, passed, skipped, unknown


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
    calls = list(_recursions(project))
    said = [*_of_loops(loops), *_of_runners(project, runners), *_of_recursions(calls)]
    yield from said
    if not said and not loops and not runners and not calls:
        yield skipped("Claude is asked in no loop")
    elif not said:
        yield passed(f"{count(len(loops) + len(runners) + len(calls), 'loop')} around requests end by themselves")


def _of_loops(loops: list[tuple[Module, Loop]]) -> Iterator[Verdict]:
    for module, loop in loops:
        if is_endless(loop):
            form = spoken(module, "for _ in range(20):", "for (let round = 0; round < 20; round++)")
            fix = f"Count the rounds: `{form}`, and say what happens when they are used up."
            yield failed(head(module, loop), "Claude is asked in a loop that only its own answers end.", fix=fix)


def _of_runners(project: Project, runners: list[Request]) -> Iterator[Verdict]:
    for request in runners:
        if "max_iterations" in request.arguments.given:
            continue
        if request.arguments.open:
            text = "whether this tool runner ends cannot be told"
            yield unknown(text, supply="max_iterations in sight", place=project.at(request))
        else:
            yield failed(project.at(request), "A tool runner may go on for ever.", fix="Set max_iterations=20.")


def _of_recursions(calls: list[tuple[Module, Call, Ends]]) -> Iterator[Verdict]:
    for module, call, ends in calls:
        if ends == "endless":
            fix = "Count the rounds in a parameter, hold it against a limit, and say what happens at the end."
            text = "A function that asks Claude calls itself for as long as the answers want it."
            yield failed(head(module, call), text, fix=fix)
        elif ends == "unknown":
            text = "a function that asks Claude calls itself, and when it stops cannot be told"
            supply = "a parameter that counts the rounds and is compared with a limit"
            yield unknown(text, supply=supply, place=head(module, call))


def _recursions(project: Project) -> Iterator[tuple[Module, Call, Ends]]:
    """The calls by which functions that ask Claude call themselves, but for those after an error."""
    retried = {layer.node for layer in project.layers}
    for function in project.reach.sites:
        module = project.reach.home[function]
        if waits_for_work(Loop(function.at, function.body)):  # somebody else decides about the next round
            continue
        for call in self_calls(project.program, module, function):
            if call in retried or is_caught(module, call):
                continue
            ends = ends_of(function, call)
            yield module, call, ends if ends != "endless" or asks_for_more(function) else "unknown"


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
