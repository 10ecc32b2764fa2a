"""`tidegate keys list`: which keys there are and what they may do."""

import time
from typing import Literal

from tidegate.cli.options import Config, Json, existing_ledger_file, ledger_path, load_settings
from tidegate.cli.screen import say, write_json, write_table
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.keys import DEFAULT_SCOPES, AppKey
from tidegate.model.times import as_datetime, rfc3339

State = Literal["active", "expired", "revoked"]


def list_keys(config: Config = None, as_json: Json = False) -> None:
    """List the app keys; the keys themselves are not kept anywhere."""
    settings = load_settings(config)
    with existing_ledger_file(settings) as file:
        keys = SqliteKeys(file).list() if file is not None else []
    now = time.time_ns() // 1000
    if as_json:
        write_json({"keys": [_document(key, now) for key in keys]})
    elif keys:
        columns = ("app", "id", "state", "created", "expires", "only for")
        whole = ("id", "state", "created", "expires")
        write_table("", columns, [_row(key, now) for key in keys], text=len(columns), whole=whole)
    else:
        say(f"There are no keys in {ledger_path(settings)}.  Make one: tidegate keys create --app NAME")


def state(key: AppKey, now: int) -> State:
    """What a key is worth at `now`."""
    if key.revoked_at is not None and key.revoked_at <= now:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def _document(key: AppKey, now: int) -> dict[str, object]:
    times = {"created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at}
    return {
        "id": key.id,
        "app": key.app,
        "state": state(key, now),
        "scopes": key.scopes,
        "models": key.models,
        "routes": key.routes,
        "user_id": key.user_id,
        "user_from": key.user_from,
        "transparent": key.transparent,
        **{name: rfc3339(at) if at is not None else None for name, at in times.items()},
    }


def _row(key: AppKey, now: int) -> tuple[str, ...]:
    expires = _day(key.expires_at) if key.expires_at is not None else "never"
    return key.app, key.id, state(key, now), _day(key.created_at), expires, _bounds(key)


def _bounds(key: AppKey) -> str:
    """What a key is restricted to, where it is not as usual."""
    bounds = {
        "user": (key.user_id or "",),
        "user from": (key.user_from or "",),
        "routes": key.routes,
        "models": key.models,
        "scopes": key.scopes if key.scopes != DEFAULT_SCOPES else (),
    }
    parts = [f"{name} {', '.join(values)}" for name, values in bounds.items() if any(values)]
    return "; ".join([*parts, *(["transparent"] if key.transparent else [])])


def _day(at: int) -> str:
    return f"{as_datetime(at):%Y-%m-%d}"
