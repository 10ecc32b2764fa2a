"""`tidegate keys revoke`: the end of a key."""

import time
from typing import Annotated

import typer

from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import Config, Json, existing_ledger_file, ledger_path, load_settings
from tidegate.cli.screen import write, write_json
from tidegate.cli.spans import show_time
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.keys import AppKey, key_id
from tidegate.model.times import rfc3339


def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, or the whole key.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Revoke an app key; running gateways refuse it within a second."""
    wanted = key_id(id_) or id_  # whoever found a leaked key has all of it
    settings = load_settings(config)
    with existing_ledger_file(settings) as file:
        before, after = _revoke(file, wanted) if file is not None else (None, None)
    if before is None or after is None or after.revoked_at is None:
        shown = wanted if len(wanted) <= 16 else "that id"
        raise NotFoundError(f"there is no key {shown} in {ledger_path(settings)}; `tidegate keys list` shows the ids")
    if as_json:
        write_json({"id": after.id, "app": after.app, "revoked_at": rfc3339(after.revoked_at)})
    elif before.revoked_at is not None:
        write(f"The key {after.id} of the app {after.app} was already revoked at {show_time(after.revoked_at)} UTC.")
    else:
        write(f"Revoked the key {after.id} of the app {after.app}: refused within a second from now on.")


def _revoke(file: BlockingFile, wanted: str) -> tuple[AppKey | None, AppKey | None]:
    """The key before and after."""
    keys = SqliteKeys(file)
    before = keys.find(wanted)
    if before is not None:
        run_now(keys.revoke(wanted, time.time_ns() // 1000))
    return before, keys.find(wanted)
