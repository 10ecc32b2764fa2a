"""Public packages, fetched as published: no crash, and exactly the findings that were read by hand."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tidegate.checks.profiles import PROFILES
from tidegate.checks.project import read_project
from tidegate.checks.run import run
from tidegate.checks.table import BY_ID, CHECKS
from unit.checks import corpus

PACKAGES: list[dict[str, Any]] = tomllib.loads((corpus.CORPUS / "packages.toml").read_text("utf-8"))["package"]
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "checks.md"


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_what_is_said_of_public_packages(package: dict[str, Any], tmp_path: Path) -> None:
    root = fetch(f"{package['name']}=={package['version']}", tmp_path)
    project = read_project(root, today=corpus.TODAY, history=False)
    report = run(project, CHECKS, profile=PROFILES["local"], known=BY_ID)
    said = [
        f"{one.state.value} {one.check} {one.place.path}:{one.place.line}"
        if one.place
        else f"{one.state.value} {one.check}"
        for one in report.verdicts
        if one.state.value in {"fail", "warn"}
    ]
    assert sorted(said) == sorted(finding["says"] for finding in package["findings"])
    assert {one.check for one in report.verdicts} == {check.id for check in CHECKS}


def fetch(requirement: str, folder: Path) -> Path:
    """A package's wheel, unpacked and never run."""
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    try:
        done = subprocess.run([*download, requirement], capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("PyPI did not answer")
    if done.returncode:
        if re.search(r"Max retries exceeded|Temporary failure|Connection|No module named pip", done.stderr):
            pytest.skip(f"PyPI cannot be reached: {done.stderr.strip().splitlines()[-1]}")
        pytest.fail(done.stderr)
    (wheel,) = folder.glob("*.whl")
    root = folder / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root)
    return root


def test_the_page_counts_what_was_read() -> None:
    rows = dict(re.findall(r"^\| (\S+ [\d.]+) \| (\d+ \| \d+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows == {
        f"{package['name']} {package['version']}": f"{len(package['findings'])} | {_wrong(package)}"
        for package in PACKAGES
    }
    found, wrong = sum(len(one["findings"]) for one in PACKAGES), sum(map(_wrong, PACKAGES))
    assert f"| all | {found} | {wrong} |" in PAGE.read_text("utf-8")
    assert f"{wrong} of {found} is {wrong / found:.0%}" in PAGE.read_text("utf-8")


def _wrong(package: dict[str, Any]) -> int:
    return sum(not finding["right"] for finding in package["findings"])
