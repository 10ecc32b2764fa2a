"""The official TypeScript SDK gets the same through the gateway as directly, scenario by scenario (driver.mjs)."""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.gateways import until
from e2e.sdk.documents import MODULES, NODE_FOLDER, Documents, find_documents, install_node_modules
from e2e.sdk.stage import Stage, stage_at

Found = dict[str, Any]

KIND_WORDS = ("error429", "error500", "error529")
"""What the gateway repeats, and then tells in other words."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_at(tmp_path_factory.mktemp("typescript")) as stage:
        yield stage


@pytest.fixture(scope="module")
def documents() -> Documents:
    return find_documents()


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the SDK installed beside the driver."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is missing: install Node 20 or newer to try the TypeScript SDK")
    if not install_node_modules():
        pytest.skip(f"npm or the way to its registry is missing, and so is {MODULES}: install npm to try the SDK")
    return found


def drive(node: str, url: str, key: str, documents: Documents) -> Found:
    """What came of every scenario."""
    done = subprocess.run(
        [node, "driver.mjs", *map(str, (documents.photo, documents.pdf, documents.book))],
        cwd=NODE_FOLDER,
        env={"PATH": os.environ["PATH"], "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def directly(stage: Stage, node: str, documents: Documents) -> Found:
    found = drive(node, stage.fake.url, stage.fake.key, documents)
    stage.fake.wait(open=0)
    return found


@pytest.fixture(scope="module")
def there_and_here(stage: Stage, node: str, documents: Documents, directly: Found) -> tuple[Found, Found]:
    """Directly, and through the gateway with a normal key."""
    stage.fake.reset()
    found = drive(node, stage.url, stage.key, documents)
    stage.fake.wait(open=0)
    return directly, found


def scenarios() -> list[str]:
    """The names in the driver's table."""
    text = (Path(__file__).parent / "driver.mjs").read_text("utf-8")
    lines = text.partition("const SCENARIOS = {\n")[2].partition("\n};")[0].splitlines()
    heads = (line[2:].removeprefix("async ") for line in lines if line[:2] == "  " and line[2:3].isalpha())
    return [head.partition("(")[0].partition(":")[0] for head in heads]


@pytest.mark.parametrize("name", scenarios())
def test_scenario(there_and_here: tuple[Found, Found], name: str) -> None:
    direct, through = (copy.deepcopy(found[name]) for found in there_and_here)
    assert direct is not None
    assert "failed" not in direct
    if name in KIND_WORDS:
        assert through.pop("message") != direct.pop("message")
        assert (direct.pop("shouldRetry"), through.pop("shouldRetry")) == (None, "false")
    assert through == direct


def test_the_driver_ran_every_scenario(there_and_here: tuple[Found, Found]) -> None:
    direct, through = there_and_here
    assert [*direct] == [*through] == scenarios()
    assert len(direct) > 30


@pytest.mark.usefixtures("there_and_here")
def test_every_call_was_charged_what_the_fake_bills(stage: Stage) -> None:
    attempts = {row.request_id: row for row in stage.fake.attempts()}
    until(lambda: not stage.site.holds())
    charges = {charge["upstream_request_id"]: charge for charge in stage.site.charges()}
    assert charges.keys() == attempts.keys()
    for name, charge in charges.items():
        if charge["exactness"] == "actual":
            assert charge["cost"] == attempts[name].cost
        else:
            assert charge["outcome"] in ("aborted", "cut")
            assert charge["cost"] >= attempts[name].cost
    assert [charge["outcome"] for charge in charges.values()].count("aborted") == 1


def test_a_transparent_key_changes_nothing(stage: Stage, node: str, documents: Documents, directly: Found) -> None:
    stage.fake.reset()
    through = drive(node, stage.url, stage.transparent, documents)
    assert through == directly
