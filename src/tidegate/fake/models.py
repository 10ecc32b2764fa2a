"""Which models the fake serves and what each can do, and `/v1/models` as the API shows them."""

import re
from typing import Any, Literal

import msgspec

Thinking = Literal["always", "adaptive", "both", "budget", "none"]
"""always on | adaptive, may be off | adaptive or budget | budget only | cannot think"""


class Model(msgspec.Struct, frozen=True):
    """One model: limits, manners and dates."""

    id: str
    name: str
    line: str
    generation: tuple[int, int]
    released: str
    window: int
    max_output: int
    thinking: Thinking
    min_cache: int
    tools_auto: int = 346
    tools_forced: int = 466
    fast: bool = False
    forced_tools: bool = True
    retires: str | None = None
    retired: bool = False

    @property
    def modern(self) -> bool:
        """4.6 and newer: no prefill, `inference_geo`, flat long-context price."""
        return self.generation >= (4, 6)

    @property
    def fine_images(self) -> bool:
        """4.7 and newer see images at the high resolution."""
        return self.generation >= (4, 7)

    @property
    def image_cap(self) -> int:
        """The most tokens that one image can take."""
        return 4_784 if self.fine_images else 1_568


def _line(
    generation: tuple[int, int], released: str, thinking: Thinking, *lines: str, big: bool = True, **more: Any
) -> list[Model]:
    """The models of one release; ids are made of line and generation."""
    major, minor = generation
    number = f"{major}-{minor}" if minor else f"{major}"
    return [
        Model(
            id=f"claude-{line}-{number}",
            name=f"Claude {line.title()} {number.replace('-', '.')}",
            line=line,
            generation=generation,
            released=f"{released}T00:00:00Z",
            window=1_000_000 if big else 200_000,
            max_output=128_000 if big else 64_000,
            thinking=thinking,
            **more,
        )
        for line in lines
    ]


_FOUR_FIVE: dict[str, Any] = {"big": False, "min_cache": 4_096, "tools_auto": 496, "tools_forced": 588}
_FOUR_SIX: dict[str, Any] = {"tools_auto": 497, "tools_forced": 589}

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        *_line((5, 2), "2026-11-09", "always", "fable", "mythos", min_cache=512, fast=True, forced_tools=False),
        *_line((5, 5), "2026-10-07", "adaptive", "haiku", min_cache=512),
        *_line((5, 5), "2026-09-28", "adaptive", "sonnet", min_cache=512, forced_tools=False),
        *_line((5, 5), "2026-09-22", "always", "opus", min_cache=512, fast=True, forced_tools=False),
        *_line((5, 1), "2026-09-01", "always", "fable", "mythos", min_cache=512, forced_tools=False),
        *_line((5, 0), "2026-07-24", "adaptive", "opus", min_cache=512, fast=True, tools_auto=286, tools_forced=406),
        *_line((5, 0), "2026-06-30", "adaptive", "sonnet", min_cache=1_024, tools_auto=354, tools_forced=474),
        *_line((5, 0), "2026-06-09", "always", "fable", "mythos", min_cache=512),
        *_line((4, 8), "2026-05-05", "adaptive", "opus", min_cache=1_024, fast=True, tools_auto=290, tools_forced=410),
        *_line((4, 7), "2026-04-16", "adaptive", "opus", min_cache=2_048, tools_auto=675, tools_forced=804),
        *_line((4, 6), "2026-02-17", "both", "sonnet", min_cache=1_024, **_FOUR_SIX),
        *_line((4, 6), "2026-02-05", "both", "opus", min_cache=4_096, **_FOUR_SIX),
        *_line((4, 5), "2025-11-24", "budget", "opus", **_FOUR_FIVE),
        *_line((4, 5), "2025-10-15", "budget", "haiku", **_FOUR_FIVE),
        *_line(
            (4, 5),
            "2025-09-29",
            "budget",
            "sonnet",
            **{**_FOUR_FIVE, "min_cache": 1_024},
            retires="2026-11-30T00:00:00Z",
        ),
        *_line((4, 1), "2025-08-05", "budget", "opus", **_FOUR_FIVE, retires="2026-08-05T00:00:00Z", retired=True),
    )
}
"""Newest first, as the API lists them."""

SNAPSHOTS = {
    "claude-opus-4-5-20251101": "claude-opus-4-5",
    "claude-haiku-4-5-20251001": "claude-haiku-4-5",
    "claude-sonnet-4-5-20250929": "claude-sonnet-4-5",
    "claude-opus-4-1-20250805": "claude-opus-4-1",
}
"""Dated ids and the models they name."""

_SAFE_ID = re.compile(r"[A-Za-z0-9._:@/\[\]-]{1,128}\Z")


def find_model(name: object) -> Model | None:
    """The model that a request names, retired ones included."""
    return MODELS.get(SNAPSHOTS.get(name, name)) if isinstance(name, str) else None


def safe_id(name: object) -> str:
    """A model id fit for the books: free text that somebody put there is not kept."""
    return name if isinstance(name, str) and _SAFE_ID.match(name) else "?"


def model_json(model: Model) -> dict[str, Any]:
    """The model as `GET /v1/models/{id}` shows it."""
    lifecycle = "retired" if model.retired else "deprecated" if model.retires else "active"
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": model.released,
        "lifecycle": lifecycle,
        "deprecated_at": "2026-08-01T00:00:00Z" if model.retires else None,
        "retires_at": model.retires,
        "line": model.line,
        "max_input_tokens": model.window,
        "max_tokens": model.max_output,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    effort = yes if model.modern or (model.generation == (4, 5) and model.line == "opus") else no
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": yes if model.modern else no,
        "context_management": {
            "supported": True,
            "clear_thinking_20251015": yes,
            "clear_tool_uses_20250919": yes,
            "compact_20260112": yes if model.modern else no,
        },
        "effort": {
            **effort,
            "low": effort,
            "medium": effort,
            "high": effort,
            "max": effort,
            "xhigh": yes if model.fine_images else no,
        },
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": True, "web_search": yes, "code_execution": yes},
        "structured_outputs": yes,
        "thinking": {
            "supported": model.thinking != "none",
            "types": {
                "adaptive": yes if model.thinking in ("always", "adaptive", "both") else no,
                "between_tools": no,
                "disabled": no if model.thinking == "always" else yes,
                "enabled": yes if model.thinking in ("budget", "both") else no,
            },
        },
    }


def models_page(
    *, limit: int = 20, after_id: str = "", before_id: str = "", lifecycle: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`GET /v1/models`: one page, newest first; retired models only on request."""
    wanted = lifecycle or ("active", "deprecated")
    shown = [each for each in map(model_json, MODELS.values()) if each["lifecycle"] in wanted]
    ids = [each["id"] for each in shown]
    if after_id in ids:
        shown = shown[ids.index(after_id) + 1 :]
        page, more = shown[:limit], len(shown) > limit
    elif before_id in ids:
        shown = shown[: ids.index(before_id)]
        page, more = shown[-limit:], len(shown) > limit
    else:
        page, more = shown[:limit], len(shown) > limit
    return {
        "data": page,
        "has_more": more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }
