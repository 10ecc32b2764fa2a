"""Where the target reaches Claude, and with which credential: what the SDKs would take, or tidegate's upstreams."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.config.files import is_file, read_env_file
from tidegate.config.hidden import Hidden
from tidegate.config.settings import DEFAULT_UPSTREAM, Settings
from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve

ANTHROPIC: Final = DEFAULT_UPSTREAM.url
ENV_FILES: Final = (".env", ".env.production", ".env.local")
_FEDERATION = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
_TOKENS = ("ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE")
_ELSEWHERE: Final = (
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "AWS_BEARER_TOKEN_BEDROCK",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_FOUNDRY_BASE_URL",
)
"""Variables of other ways to a credential, which are not looked at."""


class Place(Struct, frozen=True, kw_only=True):
    """An address that serves Claude, with a credential."""

    name: str
    """Where the credential stands: a variable, or the address of a secret."""
    url: str
    key: Hidden | None = None
    """None: it cannot be had; `trouble` says why."""
    trouble: str = ""
    bearer: bool = False
    """Whether the credential goes where a token does."""
    open: bool = False
    """Whether the address asks for no credential, as far as the settings say."""
    from_file: str = ""
    """The .env file that it stands in, where the environment does not have it."""
    proxy: str | None = None
    ca_file: Path | None = None


def read_places(environ: Mapping[str, str], settings: Settings | None, root: Path) -> tuple[Place, ...]:
    """Every place; empty where the target has no key and needs none (`federated`, `elsewhere`)."""
    if settings is not None:
        return tuple(_upstreams(settings))
    if not environ.get("ANTHROPIC_API_KEY") and environ.get("ANTHROPIC_AUTH_TOKEN"):
        return (_place("ANTHROPIC_AUTH_TOKEN", environ, bearer=True),)
    direct = _place("ANTHROPIC_API_KEY", environ)
    if direct.key is not None or environ.get("ANTHROPIC_API_KEY"):
        return (direct,)
    found = _from_files(environ, root)
    if found is None and (federated(environ) or elsewhere(environ)):
        return ()
    return (found or direct,)


def federated(environ: Mapping[str, str]) -> bool:
    """Whether the SDKs would change an identity of the platform into a token, so that there is no key at all."""
    return all(environ.get(name) for name in _FEDERATION) and any(environ.get(name) for name in _TOKENS)


def elsewhere(environ: Mapping[str, str]) -> str:
    """The variable that says that the program gets to Claude in another way; "" for none."""
    return next((name for name in _ELSEWHERE if environ.get(name)), "")


def base_url(environ: Mapping[str, str]) -> str:
    """Where the SDKs would go."""
    return environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC


def read_env_files(root: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The .env files of a folder that can be read."""
    for name in ENV_FILES:
        if is_file(root / name):
            try:
                yield name, read_env_file(root / name, name).values
            except ConfigError:
                continue


def _place(name: str, environ: Mapping[str, str], *, bearer: bool = False) -> Place:
    """What the SDKs read: the variable as it is, and nothing else."""
    value = environ.get(name, "")
    if value.strip():
        return Place(name=name, url=base_url(environ), key=Hidden(value), bearer=bearer)
    trouble = f"{name} is empty" if name in environ else f"{name} is not set"
    if environ.get(f"{name}_FILE"):
        trouble += f"; {name}_FILE is, which the SDKs do not read"
    return Place(name=name, url=base_url(environ), trouble=trouble)


def _from_files(environ: Mapping[str, str], root: Path) -> Place | None:
    for file, values in read_env_files(root):
        if values.get("ANTHROPIC_API_KEY"):
            return Place(
                name="ANTHROPIC_API_KEY",
                url=base_url({**values, **environ}),
                key=Hidden(values["ANTHROPIC_API_KEY"]),
                from_file=file,
            )
    return None


def _upstreams(settings: Settings) -> Iterator[Place]:
    for one in settings.upstreams:
        key, trouble = None, ""
        if one.api_key:
            try:
                key = Hidden(resolve(one.api_key, settings.environ).reveal())
            except ConfigError as error:
                trouble = str(error)
        yield Place(
            name=(one.api_key or f"upstream {one.name}").removeprefix("env://"),
            url=one.url,
            key=key,
            trouble=trouble,
            open=one.api_key is None,
            proxy=one.proxy,
            ca_file=one.ca_file,
        )
