"""The target as its receipt tells of it, on another machine than the target."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from tidegate.checks.boot.places import read_env_files
from tidegate.checks.boot.receipt import Receipt, hash_key, read_file, read_receipt
from tidegate.checks.boot.target import BOOT, FILE, IS_TARGET, KEY, NO_RECEIPT, Target, unknown_target
from tidegate.checks.verdict import State, Verdict, failed, passed, skipped, unknown, warned
from tidegate.config.hidden import Hidden
from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve

_AGAIN: Final = f"a new receipt (`{BOOT}` inside of the target), and here the secret that the target signs with"
_NAMES: Final = ("TIDEGATE_KEY_SECRET", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


def recall(path: Path, environ: Mapping[str, str], root: Path, now: datetime) -> Target:
    """What the receipt at `path` says, or why it says nothing."""
    text = read_file(path)
    if isinstance(text, str):
        return NO_RECEIPT if not path.exists() else _nothing(path, text)
    files = dict(read_env_files(root))
    receipt = read_receipt(text, _secrets(environ, files), now)
    if isinstance(receipt, str):
        return _nothing(path, receipt)
    results = {name: tuple(_said(receipt, name, state)) for name, state in receipt.checks.items()}
    shared = _shared(receipt, files)
    if shared:
        fix = "Make a key for production alone, and delete this one from there."
        text_ = f"The target uses the same key as {shared} here: what leaks on this machine stops production."
        results[KEY] = (*results.get(KEY, ()), warned(None, text_, fix=fix))
    return Target(results, receipt.key)


def _nothing(path: Path, why: str) -> Target:
    return unknown_target(f"{path.name} counts for nothing: {why}", _AGAIN)


def _secrets(environ: Mapping[str, str], files: Mapping[str, Mapping[str, str]]) -> Iterator[Hidden]:
    """Everything here that a target may have signed with, each once."""
    found: dict[str, None] = {}
    for values in (environ, *files.values()):
        for name in _NAMES:
            try:
                found[resolve(f"env://{name}", values).reveal()] = None
            except ConfigError:
                continue
    yield from map(Hidden, found)


def _shared(receipt: Receipt, files: Mapping[str, Mapping[str, str]]) -> str:
    """The .env file that holds the key of the target."""
    if not receipt.key_hash:
        return ""
    for name, values in files.items():
        key = values.get("ANTHROPIC_API_KEY", "")
        if key and hash_key(Hidden(key), receipt.salt) == receipt.key_hash:
            return name
    return ""


def _said(receipt: Receipt, check: str, state: State) -> Iterator[Verdict]:
    day = f"{receipt.at:%Y-%m-%d}"
    where = f"in the target on {day}"
    if check == IS_TARGET:
        yield _is_target(receipt, state, day)
    elif state is State.PASS:
        yield passed(where, "live")
    elif state is State.SKIPPED:
        yield skipped(f"it did not apply {where}")
    elif state is State.UNKNOWN:
        yield unknown(f"it could not be told {where}", supply=f"`{BOOT}` there says why")
    elif state is State.WARN:
        yield warned(None, f"It was not as it should be {where}.", fix=f"`{BOOT}` there says what it is.")
    else:
        yield failed(None, f"It failed {where}.", fix=f"`{BOOT}` there says why.")


def _is_target(receipt: Receipt, state: State, day: str) -> Verdict:
    if state is not State.PASS:
        text = f"{FILE} was made where nothing says production"
        return unknown(text, supply="TIDEGATE_ENV=production among the target's variables, then a new receipt")
    where = f"{receipt.platform}, {receipt.where[:6]}" if receipt.platform else receipt.where[:6]
    return passed(
        f"checked on {day} ({where}) with tidegate {receipt.tidegate}; counts until {receipt.until:%Y-%m-%d}", "live"
    )
