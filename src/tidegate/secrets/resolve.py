"""From a secret's address to the secret."""

from collections.abc import Mapping
from difflib import get_close_matches

from tidegate.model.errors import ConfigError
from tidegate.secrets.secret import Secret
from tidegate.secrets.table import NOT_BUILT, SOURCES


def resolve(uri: str, environ: Mapping[str, str]) -> Secret:
    """The secret at an address such as `env://ANTHROPIC_API_KEY`; raises ConfigError, which never shows a secret.

    A variable may hold the address of the secret instead of the secret itself (`ANTHROPIC_API_KEY=file:///…`).
    """
    secret = _resolve(uri, environ)
    inner, mark, _ = secret.reveal().partition("://")
    if not mark or (inner not in SOURCES and inner not in NOT_BUILT):
        return secret
    if not uri.startswith("env://") or inner == "env":
        raise ConfigError(f"{uri}: holds the address of another secret; write that address here instead")
    return _resolve(secret.reveal(), environ)


def _resolve(uri: str, environ: Mapping[str, str]) -> Secret:
    scheme, mark, rest = uri.partition("://")
    if not mark:
        raise ConfigError(
            "a secret was written where its address belongs; put it into an environment variable and write "
            '"env://ITS_NAME" here, because configuration files end up in git'
        )
    if scheme in SOURCES:
        return SOURCES[scheme](rest, environ)
    if scheme in NOT_BUILT:
        raise ConfigError(f"{scheme}:// is not built yet in this version; built are {_built()}")
    near = get_close_matches(scheme, [*SOURCES, *NOT_BUILT], 1)
    hint = f"did you mean {near[0]}://?" if near else f"there are {_built()}"
    # Not the scheme that stands there: what looks like one may be the beginning of a secret.
    raise ConfigError(f"the address of a secret begins with no known source; {hint}")


def _built() -> str:
    return " and ".join(f"{scheme}://" for scheme in SOURCES)
