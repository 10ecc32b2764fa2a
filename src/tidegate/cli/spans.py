"""Points in time as people type them: `7d`, `2026-11-01`, `2026-11-01T12:00:00Z`."""

from datetime import date

import typer

from tidegate.config.parse import UnfitError, micros
from tidegate.model.times import SECOND, as_datetime, parse_rfc3339

DAY = 24 * 3600 * SECOND

_EXPECTED = 'a length such as "7d" or "12h", a day such as "2026-11-01", or a time such as "2026-11-01T12:00:00Z"'


def ago(text: str, now: int, option: str) -> int:
    """Microseconds since 1970 UTC of a time that lies back; a day means its beginning."""
    return _at(text, now, option, sign=-1)


def until(text: str, now: int, option: str) -> int:
    """As `ago`, but a day is meant with all its hours."""
    return _at(text, now, option, sign=-1) + (DAY if _is_day(text) else 0)


def ahead(text: str, now: int, option: str) -> int:
    """Microseconds since 1970 UTC of a time to come; a day means its beginning."""
    at = _at(text, now, option, sign=1)
    if at <= now:
        raise typer.BadParameter(f"{text} is over", param_hint=option)
    return at


def show_time(at: int) -> str:
    """`2026-11-01 12:00`, UTC."""
    return f"{as_datetime(at):%Y-%m-%d %H:%M}"


def _at(text: str, now: int, option: str, *, sign: int) -> int:
    try:
        if _is_day(text):
            return parse_rfc3339(f"{text}T00:00:00Z")
        if "T" in text or " " in text:
            return parse_rfc3339(text)
        return now + sign * micros(text if text[-1:].isalpha() else "no unit")  # a bare number could be anything
    except UnfitError as unfit:
        expected = unfit.expected if "366" in unfit.expected else _EXPECTED
    except (ValueError, OverflowError):
        expected = _EXPECTED
    raise typer.BadParameter(f"{text!r} is not {expected}", param_hint=option)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-11-01")
