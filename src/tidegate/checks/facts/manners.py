"""What a request asks for that the API refuses: a table of rules about models, parameters and versions of the SDK."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from tidegate.checks.facts.models import Model, find_model
from tidegate.checks.facts.requests import Request
from tidegate.checks.files.settings import Text
from tidegate.checks.program.fold import Known, fold, table_of
from tidegate.checks.program.module import Module
from tidegate.checks.program.program import Found, Program
from tidegate.checks.tree.nodes import Call, Const, Items, Map

Sdk = Literal["old", "new", "unknown"]
"""old: API version 2023-06-01; new: Python SDK 2, TypeScript SDK 1, which send 2026-10-21."""

_PYTHON: Final = re.compile(
    r"""^[\s"'\-]*anthropic(?:\[[\w,\s-]*\])?\s*([=<>~!^]=?\s*[\d.*]+[^"'\n#;]*)?""", re.MULTILINE
)
_LOCKED: Final = re.compile(r'name = "anthropic"\nversion = "([\d.]+)"')
_SCRIPT: Final = re.compile(r'"@anthropic-ai/sdk"\s*:\s*"([^"]*)"')


class Refused(Struct, frozen=True, eq=False):
    """One thing that the API refuses."""

    found: Found
    text: str
    fix: str
    removable: bool = False
    """Whether leaving the argument out is all that there is to do."""
    doubt: str = ""
    """What it depends on and cannot be told; empty: it is sure."""


VERSION: Final = "which version of the SDK is in use"
MODEL: Final = "which model is asked"
GIVEN: Final = "what is given here"


def sdk_version(texts: Iterable[Text], python: bool) -> Sdk:
    """Which version of the SDK a project declares or locks."""
    said: list[Sdk] = []
    for text in texts:
        if python:
            said.extend(_of_python(text))
        elif text.name == "package.json":
            said.extend(_judge(found[1], 1) for found in _SCRIPT.finditer(text.text))
    return next((one for one in ("old", "new") if one in said), "unknown")


def _of_python(text: Text) -> Iterator[Sdk]:
    if text.name in {"uv.lock", "poetry.lock"}:
        yield from (_judge(found[1], 2) for found in _LOCKED.finditer(text.text))
    elif text.name.startswith(("requirements", "constraints")) or text.name in {
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "Pipfile",
    }:
        yield from (_judge(found[1] or "", 2) for found in _PYTHON.finditer(text.text))


def _judge(wanted: str, new: int) -> Sdk:
    """The newest version that a requirement allows; nothing said is the newest there is."""
    numbers = [(sign, int(major)) for sign, major in re.findall(r"([<>=~!^]*)\s*(\d+)[\d.*]*", wanted)]
    for sign, major in numbers:
        if sign.startswith("<") and major <= new:
            return "old"
        if sign in {"==", "===", "~=", "^", "~", ""} and major < new:
            return "old"
    return "new"


def refused(program: Program, request: Request, sdk: Sdk) -> Iterator[Refused]:
    """What the API refuses of a request."""
    value = request.arguments.value(program, "model")
    known = isinstance(value, Known) and isinstance(value.value, str)
    model = find_model(str(value.value)) if isinstance(value, Known) and known else None
    for rule in _RULES:
        yield from rule(program, request, model, sdk)


def _version(sdk: Sdk) -> str:
    return "" if sdk == "new" else VERSION


def _model(model: Model | None) -> str:
    return "" if model is not None else MODEL


def _may(model: Model | None, manner: str) -> bool:
    """Whether a model has a manner, or may have it."""
    return model is None or manner in model.manners


def _name(model: Model | None) -> str:
    return f"{model.id} refuses" if model is not None else "Newer models refuse"


class _Table(NamedTuple):
    module: Module
    node: Map


_Rule = Callable[[Program, Request, Model | None, Sdk], Iterator[Refused]]


def _sampling(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    del program, model
    if sdk == "old" or request.kind != "sdk":
        return
    for name in ("temperature", "top_p", "top_k"):
        found = request.arguments.given.get(name)
        if found is not None and not (isinstance(found.node, Const) and found.node.value is None):
            text = f"{name} is refused since API version 2026-10-21, which the SDK sends."
            yield Refused(found, text, f"Leave {name} out.", removable=True, doubt=_version(sdk))


def _thinking(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    del sdk
    found = request.arguments.given.get("thinking")
    kind = _entry(program, found, "type") if found is not None else None
    if found is None:
        return
    doubt = _model(model)
    if kind is None and _may(model, "no_budget") and _is_unclear(program, found):
        yield Refused(found, f"{_name(model)} some kinds of thinking.", "", doubt=GIVEN)
    if kind == "enabled" and _may(model, "no_budget"):
        fix = 'Use {"type": "adaptive"} and output_config effort.'
        yield Refused(found, f"{_name(model)} thinking with a budget.", fix, doubt=doubt)
    if kind == "disabled" and _may(model, "always_thinks"):
        yield Refused(found, f"{_name(model)} thinking that is switched off.", "Leave thinking out.", doubt=doubt)


def _forced(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    del sdk
    found = request.arguments.given.get("tool_choice")
    kind = _entry(program, found, "type") if found is not None else None
    if found is not None and kind is None and _may(model, "no_forced_tools") and _is_unclear(program, found):
        yield Refused(found, f"{_name(model)} some kinds of tool_choice.", "", doubt=GIVEN)
    if found is not None and kind in {"any", "tool"} and _may(model, "no_forced_tools"):
        fix = "Use strict tools or output_config.format, and let the model choose."
        yield Refused(found, f'{_name(model)} tool_choice "{kind}".', fix, doubt=_model(model))


def _prefill(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    del sdk
    found = request.arguments.given.get("messages")
    if found is None or not isinstance(found.node, Items) or not _may(model, "no_prefill"):
        return
    last = found.node.parts[-1] if found.node.parts else None
    if isinstance(last, Map) and _entry(program, Found(found.module, last), "role") == "assistant":
        place = Found(found.module, last)
        fix = "Use output_config.format, or ask for the form."
        yield Refused(place, f"{_name(model)} an answer that is begun for it.", fix, doubt=_model(model))


def _completions(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    del program, model
    of = request.call.of
    inner = getattr(of, "of", None)
    if request.kind == "sdk" and getattr(inner, "name", "") == "completions" and sdk != "old":
        yield Refused(
            Found(request.module, request.call),
            "Text Completions are gone from the SDK.",
            "Use messages.create.",
            doubt=_version(sdk),
        )


def _old_http(program: Program, request: Request, model: Model | None, sdk: Sdk) -> Iterator[Refused]:
    """`http_client=httpx.Client()`: the SDK has moved to httpx2."""
    del model
    found = None if request.client is None else request.client.arguments.given.get("transport")
    if found is None or sdk == "old" or not isinstance(found.node, Call):
        return
    if program.origin(found.module, found.node.of).startswith("httpx."):
        yield Refused(
            found,
            "The SDK takes no client of httpx since version 1.",
            "Use anthropic.DefaultHttpxClient(…).",
            doubt=_version(sdk),
        )


_RULES: Final[tuple[_Rule, ...]] = (_sampling, _thinking, _forced, _prefill, _completions, _old_http)


def _is_unclear(program: Program, found: Found) -> bool:
    """Whether an argument is neither a dict in sight nor None."""
    return _table(program, found) is None and not isinstance(fold(program, found.module, found.node), Known)


def _entry(program: Program, found: Found, key: str) -> object:
    """One entry of a dict in sight."""
    table = _table(program, found)
    if table is None:
        return None
    for name, value in table.node.entries:
        if isinstance(name, Const) and name.value == key:
            worth = fold(program, table.module, value)
            return worth.value if isinstance(worth, Known) else None
    return None


def _table(program: Program, found: Found) -> _Table | None:
    """The dict that an argument is."""
    there = table_of(program, found.module, found.node)
    return _Table(there.module, there.node) if there is not None and isinstance(there.node, Map) else None
