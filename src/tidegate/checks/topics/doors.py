"""What is said where no door to Claude was seen: nothing is at stake, or it cannot be told."""

from tidegate.checks.facts.doors import frameworks_without_routes
from tidegate.checks.program.module import Module
from tidegate.checks.project import Project
from tidegate.checks.topics.usual import LOOK, NO_DOOR
from tidegate.checks.tree.nodes import Node
from tidegate.checks.verdict import Place, Verdict, skipped, unknown


def no_doors(project: Project) -> Verdict:
    """Users come through a framework without routes, or through routes of which none was seen to lead to Claude."""
    names = frameworks_without_routes(project.program)
    if names:
        return unknown(f"which users reach Claude through {names[0]}, and what they see, cannot be told", supply=LOOK)
    if project.other_doors:
        door = project.other_doors[0]
        text = f"there are routes, such as {door.name}, and none was seen to lead to Claude"
        return unknown(text, supply=LOOK, place=head(door.module, door.function))
    return skipped(NO_DOOR)


def head(module: Module, node: Node) -> Place:
    """The line on which something begins, from there on."""
    line, column, *_ = node.at
    return Place(module.path, line, column, line, len(module.lines[line - 1].rstrip()))
