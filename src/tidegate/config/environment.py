"""Settings from the environment: which variable means which key, and where a `.env` must not be read."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from tidegate.config.keys import LISTS, NAMED, SECTIONS, Keys, Table
from tidegate.config.locate import Path

OWN = frozenset(
    {
        "TIDEGATE_CONFIG",
        "TIDEGATE_ENV",
        "TIDEGATE_ADMIN_TOKEN",
        "TIDEGATE_ADMIN_TOKEN_FILE",
        "TIDEGATE_KEY_SECRET",
        "TIDEGATE_KEY_SECRET_FILE",
    }
)
"""Variables that are not a key of the file."""

PLATFORMS = (
    "FLY_APP_NAME",
    "RAILWAY_ENVIRONMENT",
    "RAILWAY_ENVIRONMENT_NAME",
    "RAILWAY_PROJECT_ID",
    "KUBERNETES_SERVICE_HOST",
    "VERCEL",
    "RENDER",
    "K_SERVICE",
    "CLOUD_RUN_JOB",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "ECS_CONTAINER_METADATA_URI_V4",
    "CONTAINER_APP_NAME",
    "WEBSITE_SITE_NAME",
    "DYNO",
)
"""Set by the platforms that run production: a `.env` there is a file that came along by mistake."""

# Kubernetes and Docker links tell every pod about a service called "tidegate" or "tidegate-…" in such variables.
_SERVICE_LINK = re.compile(r"TIDEGATE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


class Assignment(Struct, frozen=True):
    """A variable that sets the key at `path`."""

    name: str
    path: Path
    value: Any


def read_environment() -> dict[str, str]:
    """The environment of this process; nothing else in tidegate reads it."""
    return dict(os.environ)


def production_sign(environ: Mapping[str, str]) -> str | None:
    """The variable that says that this is production; TIDEGATE_ENV decides when it is set."""
    if stage := environ.get("TIDEGATE_ENV"):
        return "TIDEGATE_ENV" if stage == "production" else None
    preview = environ.get("VERCEL_ENV") in {"preview", "development"}
    return next((name for name in PLATFORMS if environ.get(name) and not (preview and name == "VERCEL")), None)


def relevant(values: Mapping[str, str]) -> dict[str, str]:
    """The variables that could be ours; an empty one counts as not set, but its name must still exist."""
    return {
        name: value
        for name, value in values.items()
        if name == "PORT" or (name.startswith("TIDEGATE_") and name not in OWN and not _is_link(name, value))
    }


def _is_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or _LINK_VALUE.match(value))


def assignments(values: Mapping[str, str], tree: Mapping[str, Any]) -> tuple[list[Assignment], list[str]]:
    """What these variables set, whole tables first, and the names that mean nothing."""
    known: list[Assignment] = []
    unknown: list[str] = []
    plain = _plain_names()
    whole = {name for name in values if len(plain.get(name, ((), None))[0]) == 1}
    merged = {**tree, **{str(plain[name][0][0]): _typed(values[name], "value") for name in whole if values[name]}}
    names = {**plain, **dict(_named_names(merged))}
    for name in sorted(values, key=lambda one: (one not in whole, one != "PORT", one)):
        path, form = ((("gateway", "port"), "value")) if name == "PORT" else names.get(name, ((), None))
        if not path:
            unknown.append(name)
        elif values[name]:
            known.append(Assignment(name, path, _typed(values[name], form)))
    return known, unknown


def hint(name: str, tree: Mapping[str, Any]) -> str:
    """What somebody who wrote this unknown name may have meant."""
    for section in LISTS:
        if name.startswith(f"TIDEGATE_{section.upper()}_"):
            return f"TIDEGATE_{section.upper()} takes the whole list as TOML"
    rest = name.removeprefix("TIDEGATE_").lower()
    shorter = [one for one, (path, _) in _plain_names().items() if len(path) > 1 and path[-1] == rest]
    if shorter:
        return f"did you mean {' or '.join(shorter[:2])}?"
    near = get_close_matches(name, [*_plain_names(), *dict(_named_names(tree)), *sorted(OWN)], 1, 0.8)
    return f"did you mean {near[0]}?" if near else "settings are TIDEGATE_<SECTION>_<NAME>, as TIDEGATE_GATEWAY_PORT"


def variable(path: Path) -> str:
    """The variable that sets the key at `path`."""
    return "_".join(["TIDEGATE", *(re.sub(r"\W", "_", str(part), flags=re.ASCII).upper() for part in path)])


def _plain_names() -> dict[str, tuple[Path, str | None]]:
    """Every variable whose name does not depend on what is declared."""
    found: dict[str, tuple[Path, str | None]] = {}
    for section in (*LISTS, *NAMED):
        found[variable((section,))] = ((section,), "value")
    for section, keys in SECTIONS.items():
        found |= {variable(path): (path, form) for path, form in _leaves((section,), keys)}
    return found


def _named_names(tree: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Path, str | None]]]:
    """The variables of what is declared: `TIDEGATE_ROUTES_CHAT_MAX_TOKENS` when there is a `[routes.chat]`."""
    for section, keys in NAMED.items():
        declared = tree.get(section)
        names = list(declared) if isinstance(declared, Mapping) else []
        if section == "upstreams" and not names:
            names = ["anthropic"]
        for name in names:
            for path, form in _leaves((section, name), keys):
                yield variable(path), (path, form)


def _leaves(path: Path, keys: Keys) -> Iterator[tuple[Path, str]]:
    for name, key in keys.items():
        if isinstance(key, Table):
            yield (*path, name), "value"
            yield from _leaves((*path, name), key.keys)
        else:
            yield (*path, name), key.form


def _typed(text: str, form: str | None) -> Any:
    """The variable's text as the TOML value that it stands for; what is none stays text, and the key refuses it."""
    if form == "text":
        return text
    if form == "list" and not text.lstrip().startswith("["):
        return [_toml(part.strip()) for part in text.split(",")]
    return _toml(text)


def _toml(text: str) -> Any:
    try:
        tree = tomllib.loads(
            f"value = {text.lower() if text.lower() in {'true', 'false'} else text}", parse_float=Decimal
        )
    except (ValueError, RecursionError):
        return text
    return tree["value"] if len(tree) == 1 else text
