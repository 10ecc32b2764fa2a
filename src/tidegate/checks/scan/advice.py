"""What to do about a secret: revoke it first; taking it out of files or of the history does not undo a leak."""

import re
from collections.abc import Iterable

from tidegate.checks.scan.kinds import KINDS, KindName
from tidegate.checks.scan.results import Place

_DOCKER = re.compile(r"(^|/)([^/]*\.)?(dockerfile|containerfile)(\.[^/]*)?$", re.IGNORECASE)


def is_dockerfile(path: str) -> bool:
    """True for `Dockerfile`, `Dockerfile.dev`, `api.dockerfile`, `Containerfile`."""
    return _DOCKER.search(path) is not None


FILES = "Then take it out of the files, and read it from the environment or a secret store."
HISTORY = (
    "It stays in the history, and rewriting that is not enough: clones, forks, caches and whoever has fetched it keep "
    "the key. Only revoking ends it."
)


def advice(kind: KindName, shown: str, places: Iterable[Place]) -> tuple[str, ...]:
    """One sentence a step, in the order in which to take them."""
    found = list(places)
    steps = [f"Revoke it first: {_revoke(kind, shown)}."]
    if any(one.where in {"file", "staged"} for one in found):
        steps.append(FILES)
    if any(one.where not in {"file", "staged", "git"} for one in found):
        steps.append(HISTORY)
    if any(one.path is not None and is_dockerfile(one.path) for one in found):
        steps.append(
            "Every image that was built from this Dockerfile has it too (`docker history` shows it): build anew."
        )
    if any(one.where == "git" for one in found):
        steps.append("It stands in the folder .git of this clone: not pushed, but part of every copy of the folder.")
    return tuple(steps)


def _revoke(kind: KindName, shown: str) -> str:
    if kind == "app-key":
        return f"`tidegate keys revoke {shown[3:11]}`"
    return KINDS[kind].revoke
