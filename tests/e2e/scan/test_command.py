"""The command line: options, exit codes, hooks, suppressions, Docker, endings."""

import json
import os
import pty
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.gateways import until
from e2e.scan.bulk import Bulk, fill
from e2e.scan.command import document, error, scan
from e2e.scan.conftest import NewRepo
from e2e.scan.planted import ENVIRON, Repo, zipped
from unit.checks.scan.fakes import MAKERS

KEY = MAKERS["api-key"](random.Random(11))
OTHER = MAKERS["oauth-token"](random.Random(12))
PATIENCE = 120
COMMAND = [sys.executable, "-m", "tidegate", "scan"]


@pytest.fixture
def leaky(new_repo: NewRepo) -> Repo:
    repo = new_repo()
    repo.commit("app.py", f"key = '{KEY}'\n")
    return repo


def suppression(repo: Repo, days: int, *, reason: str = "revoked and only in a test") -> None:
    (finding,) = document(repo.path)["findings"]
    day = (datetime.now(UTC) + timedelta(days=days)).date()
    text = f'[[suppress]]\nfingerprint = "{finding["fingerprint"]}"\nreason = "{reason}"\nexpires = {day}\n'
    repo.write(".tidegate-scan.toml", text)


def test_a_suppression_by_fingerprint_follows_the_secret_and_no_other(leaky: Repo) -> None:
    suppression(leaky, 1)
    assert scan(leaky.path).out.startswith("Clean: no credential was found; 1 suppressed.")
    leaky.commit("elsewhere/other.py", f"\n\nx = '{KEY}'\n")
    assert scan(leaky.path).code == 0
    leaky.write("app.py", f"key = '{OTHER}'\n")
    told = document(leaky.path, code=1)
    assert [one["suppressed"] is None for one in told["findings"]] == [True, False]


def test_a_suppression_of_what_is_nowhere_is_told(leaky: Repo) -> None:
    text = '[[suppress]]\nfingerprint = "0123456789abcdef"\nreason = "gone since long"\nexpires = 2999-01-01\n'
    leaky.write(".tidegate-scan.toml", text)
    told = document(leaky.path, code=1)
    assert told["notes"] == [".tidegate-scan.toml: 0123456789abcdef is nowhere any more; its suppression can go"]
    assert document(leaky.path, "--no-history", code=1)["notes"] == []


def test_a_suppression_that_has_ended_comes_back_with_a_note(leaky: Repo) -> None:
    suppression(leaky, -1)
    ran = scan(leaky.path)
    assert ran.code == 1
    assert "its suppression ended on " in ran.out
    assert "revoked and only in a test" in ran.out


def test_a_suppression_without_a_reason_is_an_error(leaky: Repo) -> None:
    suppression(leaky, 1, reason="")
    assert error(leaky.path).startswith(".tidegate-scan.toml:1: a suppression needs a reason")


def test_suppressions_count_for_a_hook_too(leaky: Repo) -> None:
    suppression(leaky, 1)
    leaky.write("new.py", KEY)
    leaky.git("add", "new.py")
    assert scan(leaky.path, "--staged").code == 0


def test_as_a_hook_before_a_commit(leaky: Repo) -> None:
    hook = leaky.path / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m tidegate scan --staged\n")
    hook.chmod(0o755)
    leaky.write("new.py", f"token = '{OTHER}'\n")
    leaky.write("fine.py", "x = 1\n")
    leaky.git("add", "new.py", "fine.py")
    refused = subprocess.run(
        ["git", "commit", "-m", "x"], cwd=leaky.path, env=ENVIRON, capture_output=True, check=False
    )
    assert refused.returncode == 1
    assert b"new.py:1:10  (staged)" in refused.stdout + refused.stderr
    only = ["git", "commit", "-q", "-m", "x", "fine.py"]  # with an index of its own, which the hook is told of
    assert subprocess.run(only, cwd=leaky.path, env=ENVIRON, capture_output=True, check=False).returncode == 0
    leaky.write("new.py", "token = None\n")
    leaky.git("commit", "-q", "-a", "-m", "x")


def test_as_a_hook_on_a_message(leaky: Repo) -> None:
    hook = leaky.path / ".git" / "hooks" / "commit-msg"
    hook.write_text(f'#!/bin/sh\nexec {sys.executable} -m tidegate scan "$1"\n')
    hook.chmod(0o755)
    leaky.write("fine.py", "x = 1\n")
    leaky.git("add", "fine.py")
    command = ["git", "commit", "-m", f"use {OTHER}"]
    assert subprocess.run(command, cwd=leaky.path, env=ENVIRON, capture_output=True, check=False).returncode == 1
    leaky.git("commit", "-q", "-m", "say nothing")


def test_what_git_ignores_is_where_a_key_belongs_but_not_in_an_image(leaky: Repo) -> None:
    leaky.write("app.py", "")
    leaky.write(".gitignore", ".env\n")
    leaky.write("api/.env", f"KEY={OTHER}\n")
    assert document(leaky.path, "--no-history", code=0)["notes"] == [
        "git ignores api/.env: a credential is in it, where it belongs"
    ]
    leaky.write("api/Dockerfile", "FROM python\nCOPY . .\n")
    told = document(leaky.path, "--no-history", code=1)
    (place,) = told["findings"][0]["places"]
    assert place["note"] == "git ignores it, but api/Dockerfile:2 copies it into the image"
    assert (told["risks"][0]["path"], told["risks"][0]["line"]) == ("api/Dockerfile", 2)
    leaky.write("api/.dockerignore", "**/.env*\n")
    told = document(leaky.path, "--no-history", code=0)
    assert told["risks"] == []


def test_build_output_is_read_though_git_ignores_it(leaky: Repo) -> None:
    leaky.write("app.py", "")
    leaky.write(".gitignore", "dist/\nnode_modules/\nnotes/\n")
    for path in ("web/dist/assets/index.js", "node_modules/x/index.js", "notes/a.txt"):
        leaky.write(path, f"const key = '{OTHER}'")
    (finding,) = document(leaky.path, "--no-history", code=1)["findings"]
    assert [place["path"] for place in finding["places"]] == ["web/dist/assets/index.js"]
    assert "build output" in finding["places"][0]["note"]


def test_the_files_of_the_git_folder_itself(leaky: Repo) -> None:
    leaky.write("app.py", "")
    leaky.git("config", "http.extraHeader", f"x-api-key: {OTHER}")
    found = {
        place["label"].rpartition(":")[0].rpartition(":")[0]
        for one in document(leaky.path)["findings"]
        for place in one["places"]
    }
    assert ".git/config" in found


def test_the_bound_of_unpacking(leaky: Repo) -> None:
    leaky.write("app.py", "")
    leaky.write("big.zip", zipped(a=bytes(3_000_000) + OTHER.encode()))
    told = document(leaky.path, "--no-history", "--unpack", "2MB", code=4)
    assert told["unknowns"][0]["what"] == "big.zip was not looked at in full: it unpacks to more than 2 MB"
    assert "--unpack" in told["unknowns"][0]["remedy"]
    assert document(leaky.path, "--no-history", code=1)["unknowns"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--format", "xml"), "'xml' is none of text, json, sarif"),
        (("--unpack", "much"), "'much' is no size"),
        (("--unpack", "0MB"), "'0MB' is no size"),
        (("--history", "--no-history"), "keep one of --history, --no-history and --staged"),
        (("--staged", "app.py"), "leave out PATH"),
        (("--sinse",), "No such option"),
    ],
)
def test_wrong_usage(leaky: Repo, arguments: tuple[str, ...], told: str) -> None:
    ran = scan(leaky.path, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


def test_a_report_that_is_none(leaky: Repo) -> None:
    leaky.write("report.json", "{}")
    assert error(leaky.path, "--import", "report.json").startswith("report.json: this is not a report that is known")
    assert error(leaky.path, "--import", "nothing.json").startswith("nothing.json: No such file or directory")


def test_sarif(leaky: Repo) -> None:
    ran = scan(leaky.path, "--format", "sarif")
    assert ran.code == 1
    (run,) = json.loads(ran.out)["runs"]
    assert [one["ruleId"] for one in run["results"]] == ["api-key", "api-key"]


def test_the_reader_of_the_output_may_go_away(leaky: Repo) -> None:
    with subprocess.Popen(COMMAND, cwd=leaky.path, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        ran.stdout.close()
        assert b"Traceback" not in ran.stderr.read()


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    command = f"mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && exec {' '.join(COMMAND)}"
    ran = subprocess.run(["sh", "-c", command], env=ENVIRON, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "error: the working directory is gone; change into another one\n"


def test_a_full_disk_for_temporary_files_is_no_finding(leaky: Repo, tmp_path: Path) -> None:
    code = "import sys, tempfile, tidegate.cli.main as m; tempfile.tempdir = sys.argv[1]; sys.exit(m.main(['scan']))"
    command = [sys.executable, "-c", code, str(tmp_path / "nowhere")]
    ran = subprocess.run(command, cwd=leaky.path, env=ENVIRON, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {tmp_path}/nowhere")
    assert "No such file or directory" in ran.stderr


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """So much to read that it can be interrupted."""
    repo = Repo(tmp_path_factory.mktemp("long") / "repo")
    fill(repo, Bulk(random.Random(3)), commits=400, files=120)
    return repo


def test_interrupted(long: Repo) -> None:
    with subprocess.Popen(
        [*COMMAND, "--no-cache"], cwd=long.path, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ran:
        children = Path(f"/proc/{ran.pid}/task/{ran.pid}/children")
        until(lambda: bool(children.read_text()) or ran.poll() is not None)
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=PATIENCE)
    assert (ran.returncode, err) in {(130, b""), (0, b"")}
    assert b"Traceback" not in out


def test_a_bar_on_a_terminal_only(long: Repo) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--no-cache"],
        cwd=long.path,
        env={**ENVIRON, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=slave,
    ) as ran:
        os.close(slave)
        seen = _all(master)
        assert ran.stdout is not None
        assert ran.stdout.read().startswith(b"Clean: ")
    assert b"Reading files" in seen
    assert b"Reading the history" in seen
    assert scan(long.path).err == ""


def _all(terminal: int) -> bytes:
    """Everything that is written to a terminal."""
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # nobody writes any more
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    return seen
