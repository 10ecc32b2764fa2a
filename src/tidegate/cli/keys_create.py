"""`tidegate keys create`: an app key, shown once."""

import time
from typing import Annotated, Literal

import typer
from msgspec import Struct

from tidegate.cli.options import Config, Json, check_labels, ledger_file, load_settings
from tidegate.cli.screen import note, write, write_json
from tidegate.cli.spans import ahead, show_time
from tidegate.config.settings import Settings
from tidegate.core.run_now import run_now
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.errors import ConfigError
from tidegate.model.keys import ALL_SCOPES, DEFAULT_SCOPES, AppKey, Scope, compose, keyed_hash
from tidegate.model.times import rfc3339
from tidegate.system.ids import new_key_id, new_key_secret


class Wish(Struct, frozen=True, kw_only=True):
    """What the options ask for, checked."""

    app: str
    user: str | None = None
    routes: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = DEFAULT_SCOPES
    models: tuple[str, ...] = ()
    user_from: Literal["metadata"] | None = None
    transparent: bool = False
    expires_at: int | None = None


def create(
    app: Annotated[str, typer.Option("--app", metavar="NAME", help="The application that the key is for.")],
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Every call counts as this user's.")
    ] = None,
    route: Annotated[list[str] | None, typer.Option("--route", help="Repeatable.  Default: all routes.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help=f"Repeatable: {', '.join(ALL_SCOPES)}.  Default: {', '.join(DEFAULT_SCOPES)}.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Repeatable.  Default: all models.")] = None,
    user_from: Annotated[
        str | None, typer.Option("--user-from", metavar="metadata", help="Take the user from metadata.user_id.")
    ] = None,
    transparent: Annotated[
        bool, typer.Option("--transparent", help="Upstream errors pass unchanged and unretried (Claude Code).")
    ] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="WHEN", help="A length or a day: 30d, 2027-01-01.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Create an app key and show it, once."""
    wish = Wish(
        app=check_labels("--app", [app])[0],
        user=check_labels("--user", [user])[0] if user is not None else None,
        routes=check_labels("--route", route or []),
        scopes=_scopes(scope or []),
        models=check_labels("--model", model or []),
        user_from=_user_from(user_from, user),
        transparent=transparent,
        expires_at=ahead(expires, _now(), "--expires") if expires is not None else None,
    )
    settings = load_settings(config)
    key, text = add_key(settings, wish)
    if as_json:
        write_json(_document(key, text))
    else:
        _tell(settings, key, text)
    _warn_of_unknown(settings, key.models)


def _scopes(given: list[str]) -> tuple[Scope, ...]:
    for name in given:
        if name not in ALL_SCOPES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(ALL_SCOPES)}", param_hint="--scope")
    return tuple(scope for scope in ALL_SCOPES if scope in given) or DEFAULT_SCOPES


def _user_from(given: str | None, user: str | None) -> Literal["metadata"] | None:
    if given is None:
        return None
    if given != "metadata":
        raise typer.BadParameter(f"{given!r} is not metadata", param_hint="--user-from")
    if user is not None:
        raise typer.BadParameter("--user names the user already; keep one of the two", param_hint="--user-from")
    return "metadata"


def add_key(settings: Settings, wish: Wish) -> tuple[AppKey, str]:
    """Write a new key; the text of the key is nowhere else.  Raises ConfigError."""
    secret = settings.key_secret
    if secret is None:
        raise ConfigError(
            "TIDEGATE_KEY_SECRET is not set, and keys are stored as hashes that need it; `tidegate init` makes one in "
            ".env, or set it to any 32 characters or more, the same as the gateway has"
        )
    key_id = new_key_id()
    text = compose(key_id, new_key_secret())
    key = AppKey(
        id=key_id,
        hash=keyed_hash(text, secret.reveal()),
        app=wish.app,
        scopes=wish.scopes,
        models=wish.models,
        routes=wish.routes,
        user_id=wish.user,
        user_from=wish.user_from,
        transparent=wish.transparent,
        created_at=_now(),
        expires_at=wish.expires_at,
    )
    with ledger_file(settings) as file:
        run_now(SqliteKeys(file).add(key))
    return key, text


def _document(key: AppKey, text: str) -> dict[str, object]:
    expires = rfc3339(key.expires_at) if key.expires_at is not None else None
    return {"id": key.id, "key": text, "app": key.app, "scopes": key.scopes, "expires_at": expires}


def _tell(settings: Settings, key: AppKey, text: str) -> None:
    gateway = settings.gateway
    host = "127.0.0.1" if gateway.host in {"0.0.0.0", "::"} else gateway.host  # noqa: S104 - compared, not bound
    address = gateway.public_url or f"http://{f'[{host}]' if ':' in host else host}:{gateway.port}"
    end = f", until {show_time(key.expires_at)} UTC" if key.expires_at is not None else ""
    write(f"A key for the app {key.app}{end} (id {key.id}):")
    write()
    write(f"    {text}")
    write()
    write("It is shown this once; only a hash of it is kept.  The application needs it in place of Anthropic's:")
    write()
    write(f"    ANTHROPIC_BASE_URL={address}")
    write(f"    ANTHROPIC_API_KEY={text}")


def _warn_of_unknown(settings: Settings, models: tuple[str, ...]) -> None:
    from tidegate.assemble import load_prices  # noqa: PLC0415 - only keys with models need the price list

    prices = load_prices(settings) if models else None
    for model in models:
        if prices is not None and prices.find(model) is None:
            note(f'no price is known for the model "{model}": is it spelled right?')


def _now() -> int:
    return time.time_ns() // 1000
