"""A report in JSON is the baseline of the next run."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tidegate.checks.baseline import read_baseline, without_known
from tidegate.checks.formats.frames import sources_of
from tidegate.checks.formats.page import Page
from tidegate.checks.formats.table import FORMATS
from tidegate.checks.outcome import exit_code
from tidegate.checks.table import BY_ID, CHECKS
from tidegate.checks.verdict import State
from tidegate.model.errors import ConfigError
from unit.checks import corpus


def test_what_is_in_the_baseline_counts_no_more(tmp_path: Path) -> None:
    project, report = corpus.look(corpus.prepare("flask-bad", tmp_path))
    file = tmp_path / "baseline.json"
    file.write_text(FORMATS["json"](Page(report=report, checks=BY_ID, sources=sources_of(project))))
    after = without_known(report, read_baseline(file), "baseline.json")
    assert exit_code(report, CHECKS, "low") == 13
    assert exit_code(after, CHECKS, "warn") == 0
    suppressed = [one for one in after.verdicts if one.state is State.SUPPRESSED]
    assert {one.reason for one in suppressed} == {"known since the baseline baseline.json"}
    assert [one.state for one in after.verdicts if one.state is State.UNKNOWN]


def test_what_is_new_counts(tmp_path: Path) -> None:
    root = corpus.prepare("flask-bad", tmp_path)
    project, report = corpus.look(root)
    file = tmp_path / "baseline.json"
    file.write_text(FORMATS["json"](Page(report=report, checks=BY_ID, sources=sources_of(project))))
    app = root / "app.py"
    app.write_text("# moved\n\n" + app.read_text() + "\n\n@app.route('/new')\ndef new():\n    return str(again())\n")
    _, later = corpus.look(root)
    left = without_known(later, read_baseline(file), "b")
    assert {corpus.spoken(one) for one in left.verdicts if one.state is State.FAIL} == {"TG401 app.py:45"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory; make it with `tidegate check --format json >"),
        ("{", "this is not JSON"),
        ("[]", "this is not a report of `tidegate check --format json`"),
        ('{"results": [1]}', "this is not a report"),
    ],
)
def test_wrong_baselines(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "b.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        read_baseline(file)


def test_passes_are_left_as_they_are(tmp_path: Path) -> None:
    _, report = corpus.look(corpus.prepare("flask-good", tmp_path))
    assert without_known(report, frozenset(), "b") == report
    assert replace(report) == report
