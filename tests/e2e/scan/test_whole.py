"""Everything that is hidden is found, where it is, and no look-alike; a second scan reads only what is new."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.scan.bulk import Bulk, fill
from e2e.scan.command import document, scan
from e2e.scan.conftest import Site
from e2e.scan.expect import assert_found
from e2e.scan.planted import Repo, plant, plant_look_alikes
from tidegate.checks.scan import files, reading, scanning


@pytest.fixture
def copy(planted: Site, tmp_path: Path) -> Site:
    """The planted repository, for a test that changes it."""
    place = tmp_path / "copy"
    shutil.copytree(planted.repo.path, place, symlinks=True)
    shutil.rmtree(place / ".git" / "tidegate", ignore_errors=True)
    repo = object.__new__(Repo)
    repo.path = place
    return Site(repo, planted.planted)


def test_everything_is_found_and_nothing_else(planted: Site) -> None:
    told = document(planted.repo.path, "--no-cache", code=1)
    assert_found(told, planted.planted)
    assert told["unknowns"] == []
    assert told["notes"] == ["git ignores .env: a credential is in it, where it belongs"]
    assert told["counts"]["objects_read"] == told["counts"]["objects"] > 500


def test_no_form_of_the_output_tells_a_secret(planted: Site) -> None:
    for form in ("text", "json", "sarif"):
        ran = scan(planted.repo.path, "--format", form, "--no-cache")
        assert ran.code == 1
        for one in planted.planted:
            assert one.secret not in ran.out + ran.err
            assert one.secret[20:50] not in ran.out + ran.err


def test_a_second_scan_reads_only_what_is_new(copy: Site) -> None:
    repo = copy.repo
    first = document(repo.path)["counts"]
    assert (first["objects_known"], first["objects_read"]) == (0, first["objects"])
    second = document(repo.path)
    assert_found(second, copy.planted)
    with_findings = second["counts"]["objects_read"]
    assert with_findings <= len(copy.planted)
    assert second["counts"]["objects_known"] == first["objects"] - with_findings
    repo.commit("new.txt", "one more blob, one more tree, one more commit\n")
    third = document(repo.path)["counts"]
    assert third["objects"] == first["objects"] + 3
    assert third["objects_read"] == with_findings + 3
    assert document(repo.path, "--no-cache")["counts"]["objects_read"] == third["objects"]


def test_packing_and_unpacking_changes_nothing(copy: Site) -> None:
    before = document(copy.repo.path, "--no-cache")
    copy.repo.git("repack", "-a", "-d", "-q", "--keep-unreachable")
    assert list((copy.repo.path / ".git" / "objects" / "pack").glob("*.pack"))
    after = document(copy.repo.path, "--no-cache")
    assert after["findings"] == before["findings"]
    assert after["counts"]["objects"] == before["counts"]["objects"]


@pytest.mark.parametrize(("chunk", "large", "bunch"), [(1, 10**9, 1), (100, 5000, 100), (100, 1, 10**9), (10**9, 1, 1)])
def test_the_sizes_of_the_pieces_change_nothing(
    planted: Site, monkeypatch: pytest.MonkeyPatch, chunk: int, large: int, bunch: int
) -> None:
    before = document(planted.repo.path, "--no-cache")
    monkeypatch.setattr(reading, "_CHUNK", chunk)
    monkeypatch.setattr(reading, "LARGE", large)
    monkeypatch.setattr(files, "LARGE", large)
    monkeypatch.setattr(files, "_BUNCH", bunch)
    after = document(planted.repo.path, "--no-cache")
    assert after["findings"] == before["findings"]
    assert after["counts"]["objects_read"] == before["counts"]["objects_read"]


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_the_number_of_threads_changes_nothing(planted: Site, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    before = document(planted.repo.path, "--no-cache")
    monkeypatch.setattr(scanning, "MOST_THREADS", threads)
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    after = document(planted.repo.path, "--no-cache")
    assert after["findings"] == before["findings"]
    assert after["counts"] == before["counts"]


def test_the_staged_content_alone(planted: Site) -> None:
    told = document(planted.repo.path, "--staged", code=1)
    assert [place["label"].partition(":")[2] for one in told["findings"] for place in one["places"]] == [
        "staged.py:1:8"
    ]
    assert told["counts"]["staged"] == 1
    assert told["history"] == "skipped"


def test_the_files_alone(planted: Site) -> None:
    told = document(planted.repo.path, "--no-history", code=1)
    wheres = {place["where"] for one in told["findings"] for place in one["places"]}
    assert wheres == {"file", "staged"}
    assert told["counts"]["objects"] == 0


def test_the_report_of_the_real_gitleaks_is_merged(planted: Site, tmp_path: Path) -> None:
    report = tmp_path / "gitleaks.json"
    gitleaks = Path(sys.executable).with_name("gitleaks")
    command = [str(gitleaks), "git", "--no-banner", "-l", "error", "-f", "json", "-r", str(report), "."]
    assert subprocess.run(command, cwd=planted.repo.path, check=False, timeout=120).returncode == 1
    alone = {one["fingerprint"] for one in document(planted.repo.path)["findings"]}
    told = document(planted.repo.path, "--import", str(report), code=1)
    both = [one for one in told["findings"] if set(one["reported_by"]) == {"gitleaks", "tidegate"}]
    theirs = [one for one in told["findings"] if one["reported_by"] == ["gitleaks"]]
    assert len(both) >= 3
    assert {one["kind"] for one in theirs} == {"other"}
    assert {one["fingerprint"] for one in told["findings"]} - alone == {one["fingerprint"] for one in theirs}
    for one in json.loads(report.read_text()):
        assert one["Secret"] not in json.dumps(told)


@pytest.mark.slow
def test_six_thousand_commits(tmp_path: Path) -> None:
    rng = random.Random(6000)
    repo, bulk = Repo(tmp_path / "repo"), Bulk(rng)
    fill(repo, bulk, commits=6000, files=400)
    repo.git("gc", "-q")
    plant_look_alikes(repo, rng)
    planted = plant(repo, rng)
    assert bulk.blobs > 23_000
    first = document(repo.path, code=1)
    assert_found(first, planted)
    second = document(repo.path, code=1)
    assert_found(second, planted)
    assert second["counts"]["objects_read"] <= len(planted)
