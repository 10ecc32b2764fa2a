from pathlib import Path

import pytest
from msgspec.structs import replace

from tidegate.checks.boot.recall import recall
from tidegate.checks.boot.receipt import Signer, write_receipt
from tidegate.checks.boot.target import FILE, Target
from tidegate.checks.check import Check
from tidegate.checks.later import Later
from tidegate.checks.project import read_project
from tidegate.checks.topics.target import BOOTED, CHECKS
from tidegate.checks.verdict import State
from tidegate.config.hidden import Hidden
from unit.checks.live.organization import NOW, text

SECRET = "3858f62230ac3c915f300c664312c63f"
KEY = text(6)
HERE = {"TIDEGATE_KEY_SECRET": SECRET}


def leave(root: Path, results: dict[str, State]) -> Path:
    line = write_receipt(
        results,
        Signer("TIDEGATE_KEY_SECRET", Hidden(SECRET)),
        now=NOW,
        version="0.1.0",
        where="host",
        platform="FLY_APP_NAME",
        seen="sk-ant-api03-…abAA",
        key=Hidden(KEY),
    )
    (root / FILE).write_text(line + "\n")
    return root / FILE


def states(target: Target) -> dict[str, list[str]]:
    return {name: [one.state.value for one in found] for name, found in target.results.items()}


def test_every_state_comes_back(tmp_path: Path) -> None:
    results = {
        "TG1001": State.PASS,
        "TG110": State.WARN,
        "TG1010": State.SKIPPED,
        "TG1011": State.FAIL,
        "TG1012": State.UNKNOWN,
    }
    target = recall(leave(tmp_path, results), HERE, tmp_path, NOW)
    assert states(target) == {name: [state.value] for name, state in results.items()}
    assert target.key == "sk-ant-api03-…abAA"
    assert all(one.evidence == "live" for found in target.results.values() for one in found if one.state is State.PASS)


def test_the_secret_may_stand_in_a_file_of_this_machine(tmp_path: Path) -> None:
    path = leave(tmp_path, {"TG1001": State.PASS})
    (tmp_path / ".env").write_text(f"TIDEGATE_KEY_SECRET={SECRET}\n")
    assert states(recall(path, {}, tmp_path, NOW)) == {"TG1001": ["pass"]}


def test_without_the_secret_nothing_is_known(tmp_path: Path) -> None:
    target = recall(leave(tmp_path, {"TG1001": State.PASS}), {}, tmp_path, NOW)
    assert states(target) == {"TG1001": ["unknown"]}
    assert target.key == ""


def test_a_receipt_of_no_target(tmp_path: Path) -> None:
    target = recall(leave(tmp_path, {"TG1001": State.UNKNOWN}), HERE, tmp_path, NOW)
    (found,) = target.results["TG1001"]
    assert found.state is State.UNKNOWN
    assert "TIDEGATE_ENV=production" in found.supply


def test_a_key_that_two_places_have(tmp_path: Path) -> None:
    path = leave(tmp_path, {"TG1001": State.PASS, "TG110": State.PASS})
    (tmp_path / ".env.local").write_text(f"ANTHROPIC_API_KEY={KEY}\n")
    assert states(recall(path, HERE, tmp_path, NOW))["TG110"] == ["pass", "warn"]
    (tmp_path / ".env.local").write_text(f"ANTHROPIC_API_KEY={text(7)}\n")
    assert states(recall(path, HERE, tmp_path, NOW))["TG110"] == ["pass"]


@pytest.mark.parametrize("content", [b"", b"canary\x1b[31m", b"x" * 70_000])
def test_files_that_are_no_receipts(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    (found,) = recall(tmp_path / FILE, HERE, tmp_path, NOW).results["TG1001"]
    assert found.state is State.UNKNOWN
    assert found.text.startswith("tidegate-receipt.json counts for nothing: it is ")
    assert "canary" not in found.text


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    (found,) = recall(tmp_path / FILE, HERE, tmp_path, NOW).results["TG1001"]
    assert "cannot be read" in found.text


def test_no_receipt(tmp_path: Path) -> None:
    (found,) = recall(tmp_path / FILE, HERE, tmp_path, NOW).results["TG1001"]
    assert found.text == "no receipt of the target was found"


def test_every_check_of_the_target_says_something(tmp_path: Path) -> None:
    bare = read_project(tmp_path, today=NOW.date(), sources=False)
    for check in (BOOTED, *CHECKS):
        (found,) = check.look(bare)
        assert found.state is (State.UNKNOWN if check is BOOTED else State.SKIPPED)


@pytest.mark.parametrize("check", [BOOTED, *CHECKS], ids=lambda check: check.id)
def test_every_check_reads_its_own_result(check: Check, tmp_path: Path) -> None:
    found = recall(leave(tmp_path, {"TG1001": State.PASS, check.id: State.PASS}), HERE, tmp_path, NOW)
    bare = read_project(tmp_path, today=NOW.date(), sources=False)
    (verdict,) = check.look(replace(bare, target=Later(lambda: found)))
    assert verdict.state is State.PASS
