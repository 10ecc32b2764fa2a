"""`--baseline`: findings that were there before count no more; a report in JSON is the baseline."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from tidegate.checks.report import Report
from tidegate.checks.verdict import State
from tidegate.model.errors import ConfigError


def read_baseline(path: Path) -> frozenset[str]:
    """The fingerprints in a report; raises ConfigError."""
    try:
        document: Any = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: {reason}; make it with `tidegate check --format json > {path}`") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not JSON: {error}") from None
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise ConfigError(f"{path}: this is not a report of `tidegate check --format json`")
    found = {
        one.get("fingerprint")
        for one in results
        if one.get("state") in {State.FAIL.value, State.WARN.value, State.SUPPRESSED.value}
    }
    return frozenset(one for one in found if isinstance(one, str))


def without_known(report: Report, known: frozenset[str], name: str) -> Report:
    """The report with what is in the baseline suppressed."""
    verdicts = tuple(
        replace(one, state=State.SUPPRESSED, reason=f"known since the baseline {name}", until="the next baseline")
        if one.state in {State.FAIL, State.WARN} and one.fingerprint in known
        else one
        for one in report.verdicts
    )
    return replace(report, verdicts=verdicts)
