"""SARIF against the schema of OASIS, as the package @microsoft/jest-sarif carries it."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tidegate.checks.formats.frames import sources_of
from tidegate.checks.formats.page import Page
from tidegate.checks.formats.table import FORMATS
from tidegate.checks.table import BY_ID
from unit.checks import corpus

PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing: install Node to fetch the schema of SARIF")
    folder = tmp_path_factory.mktemp("sarif")
    done = subprocess.run(
        [npm, "pack", "--silent", PACKAGE], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        pytest.skip(f"npm's registry cannot be reached: {done.stderr.strip()[-200:]}")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        member = opened.extractfile(SCHEMA)
        assert member is not None
        return json.load(member)


@pytest.mark.parametrize("name", corpus.applications())
def test_every_application_makes_valid_sarif(name: str, schema: Any, tmp_path: Path) -> None:
    project, report = corpus.look(corpus.prepare(name, tmp_path))
    page = Page(report=report, checks=BY_ID, sources=sources_of(project), version="1.2.3")
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(json.loads(FORMATS["sarif"](page)))] == []
