"""Repositories of every form: bare, linked, shallow, partial, SHA-256, with others inside, damaged, hostile."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from e2e.scan.command import document, error, scan
from e2e.scan.conftest import NewRepo
from e2e.scan.planted import ENVIRON, Repo
from tidegate.checks.scan import dig
from unit.checks.scan.fakes import MAKERS

KEY = MAKERS["api-key"](random.Random(1))
OTHER = MAKERS["admin-key"](random.Random(2))


def labels(told: dict[str, object]) -> list[str]:
    findings = told["findings"]
    assert isinstance(findings, list)
    return [place["label"] for one in findings for place in one["places"]]


def clone(source: Repo, place: Path, *options: str) -> Path:
    source.git("config", "uploadpack.allowFilter", "true")
    source.git("clone", "-q", *options, f"file://{source.path}", str(place))
    return place


@pytest.fixture
def leaky(new_repo: NewRepo) -> Repo:
    """A key that was committed and taken out again."""
    repo = new_repo("leaky")
    repo.commit("src/app.py", f"key = '{KEY}'\n")
    repo.commit("src/app.py", "key = None\n")
    return repo


@pytest.fixture
def clean(new_repo: NewRepo) -> Repo:
    repo = new_repo("clean")
    repo.commit("a.py", "a = 1\n")
    repo.commit("a.py", "a = 2\n")
    return repo


def test_an_empty_repository_is_clean(new_repo: NewRepo) -> None:
    assert document(new_repo().path, code=0)["state"] == "clean"
    assert document(new_repo().path, "--staged", code=0)["state"] == "clean"


def test_a_clean_one_says_so(clean: Repo) -> None:
    ran = scan(clean.path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Clean: no credential was found.\nRead in ")


def test_from_a_folder_inside_the_whole_repository_is_read(leaky: Repo) -> None:
    assert any("src/app.py@" in one for one in labels(document(leaky.path / "src", code=1)))


def test_named_by_its_path(leaky: Repo, tmp_path: Path) -> None:
    assert labels(document(tmp_path, str(leaky.path), code=1))
    assert labels(document(tmp_path, "leaky", code=1))


def test_of_a_folder_or_file_that_is_named_only_the_files(leaky: Repo) -> None:
    leaky.write("src/new.py", OTHER)
    leaky.write("other/new.py", OTHER)
    for path in ("src", "src/new.py", "./src/"):
        told = document(leaky.path, path, code=1)
        assert labels(told) == ["src/new.py:1:1"]
        assert told["history"] == "skipped"
    assert labels(document(leaky.path, "src/new.py", "other", code=1)) == ["other/new.py:1:1", "src/new.py:1:1"]
    assert any("src/app.py@" in one for one in labels(document(leaky.path, "src", "--history", code=1)))


def test_a_file_that_is_named_is_read_even_if_git_ignores_it(leaky: Repo) -> None:
    leaky.write(".gitignore", ".env\nnotes/\n")
    leaky.write(".env", f"KEY={KEY}\n")
    leaky.write("notes/today.md", KEY)
    assert labels(document(leaky.path, ".env", code=1)) == [".env:1:5"]
    assert labels(document(leaky.path, "notes", code=1)) == ["notes/today.md:1:1"]
    leaky.write("notes/node_modules/x.js", OTHER)
    assert "notes/node_modules/x.js:1:1" in labels(document(leaky.path, "notes", code=1))
    leaky.write(".git/COMMIT_EDITMSG", f"with {KEY}\n")
    assert labels(document(leaky.path, ".git/COMMIT_EDITMSG", code=1)) == [".git/COMMIT_EDITMSG:1:6"]


def test_a_bare_repository(leaky: Repo, tmp_path: Path) -> None:
    bare = clone(leaky, tmp_path / "bare.git", "--bare")
    for told in (document(bare, code=1), document(tmp_path, "bare.git", code=1), document(leaky.path / ".git", code=1)):
        assert any("src/app.py@" in one for one in labels(told))
        assert told["counts"]["files"] == 0
    assert error(bare, "--staged").endswith("--staged needs a git repository with a work tree")


def test_the_suppressions_of_a_bare_repository_are_those_of_its_head(leaky: Repo, tmp_path: Path) -> None:
    (finding,) = document(leaky.path)["findings"]
    text = (
        f'[[suppress]]\nfingerprint = "{finding["fingerprint"]}"\nreason = "revoked long ago"\nexpires = 2999-01-01\n'
    )
    leaky.commit(".tidegate-scan.toml", text)
    assert document(clone(leaky, tmp_path / "bare.git", "--bare"), code=0)["counts"]["suppressed"] == 1


def test_a_linked_work_tree_has_the_history_of_all(leaky: Repo, tmp_path: Path) -> None:
    leaky.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    told = document(tmp_path / "linked", code=1)
    assert told["root"] == str(tmp_path / "linked")
    assert labels(told)
    assert (leaky.path / ".git" / "tidegate" / "scan-cache").exists()
    assert document(leaky.path)["counts"]["objects_known"] == told["counts"]["objects"] - 1


def test_places_that_a_reflog_knows_too_are_on_their_branch(leaky: Repo) -> None:
    (finding,) = document(leaky.path)["findings"]
    assert [place["note"] for place in finding["places"]] == [None]


def test_a_shallow_clone_is_unknown_until_it_is_whole(clean: Repo, tmp_path: Path) -> None:
    shallow = clone(clean, tmp_path / "shallow", "--depth", "1")
    told = document(shallow, code=4)
    assert told["state"] == "unknown"
    (gap,) = told["unknowns"]
    assert "shallow" in gap["what"]
    assert "git fetch --unshallow" in gap["remedy"]
    assert "git fetch --unshallow" in scan(shallow).out
    subprocess.run(["git", "fetch", "-q", "--unshallow"], cwd=shallow, env=ENVIRON, check=True)
    assert document(shallow, code=0)["state"] == "clean"


def test_what_was_found_outweighs_what_is_unknown(leaky: Repo, tmp_path: Path) -> None:
    shallow = clone(leaky, tmp_path / "shallow", "--depth", "1")
    (shallow / "new.py").write_text(OTHER)
    told = document(shallow, code=1)
    assert told["state"] == "found"
    assert len(told["unknowns"]) == 1


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_a_partial_clone_is_unknown_until_it_is_whole(clean: Repo, tmp_path: Path, kind: str) -> None:
    partial = clone(clean, tmp_path / "partial", f"--filter={kind}")
    before = sorted((partial / ".git" / "objects").rglob("*"))
    told = document(partial, code=4)
    (gap,) = told["unknowns"]
    assert "partial clone" in gap["what"]
    assert sorted((partial / ".git" / "objects").rglob("*")) == before, "nothing may be fetched"
    subprocess.run(
        gap["remedy"].partition(": ")[2], cwd=partial, env=ENVIRON, check=True, shell=True, capture_output=True
    )
    assert document(partial, code=0)["state"] == "clean"


def test_sha256(new_repo: NewRepo) -> None:
    repo = new_repo("sha256", "--object-format=sha256")
    repo.commit("a.py", f"k = '{KEY}'\n")
    assert len(labels(document(repo.path, code=1))) == 2
    again = document(repo.path, code=1)
    assert (again["counts"]["objects"], again["counts"]["objects_read"]) == (3, 1)


def test_a_submodule_is_read_as_a_part(leaky: Repo, clean: Repo, tmp_path: Path) -> None:
    clean.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(leaky.path), "lib/sub")
    clean.git("commit", "-q", "-m", "Add it")
    (label,) = labels(document(clean.path, code=1))
    assert label.partition(":")[2].startswith("lib/sub/src/app.py@")
    told = document(clone(clean, tmp_path / "cloned"), code=0)
    assert told["notes"] == ["lib/sub/ is a submodule that is not checked out: not read"]


def test_a_repository_that_lies_in_another_is_read_as_a_part(clean: Repo) -> None:
    inner = Repo(clean.path / "inner")
    inner.commit("k.txt", KEY)
    assert "inner/k.txt:1:1" in labels(document(clean.path, code=1))
    (inner.path / ".git" / "config").write_text("[core\nx")
    told = document(clean.path, code=4)
    assert "inner/ cannot be read" in told["unknowns"][0]["what"]


def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(KEY)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "b.txt").write_text(OTHER)
    told = document(tmp_path, code=1)
    assert (labels(told), told["history"]) == (["a.txt:1:1"], "none")
    assert told["notes"] == ["this is in no git repository: there is no history to read"]
    assert error(tmp_path, "--staged").endswith("--staged needs a git repository with a work tree")


@pytest.mark.parametrize("path", ["nothing", "nothing/at/all"])
def test_a_path_that_is_not_there(tmp_path: Path, path: str) -> None:
    assert error(tmp_path, path).endswith("nothing: there is no such file or folder") or "no such folder" in error(
        tmp_path, path
    )


def test_without_git(leaky: Repo, tmp_path: Path) -> None:
    bare = {**ENVIRON, "PATH": str(tmp_path)}
    assert error(leaky.path, environ=bare).startswith("git is not installed, or not on the PATH")
    assert error(leaky.path, "--staged", environ=bare).startswith("git is not installed")
    assert scan(leaky.path, "--no-history", environ=bare).code == 0


def test_damaged_objects_are_unknown_and_the_rest_is_read(leaky: Repo) -> None:
    leaky.commit("fine.txt", OTHER)
    for number, damage in enumerate((b"garbage", b"", None)):
        blob = leaky.git("rev-parse", leaky.commit("x.txt", f"content {number}\n") + ":x.txt")
        file = leaky.path / ".git" / "objects" / blob[:2] / blob[2:]
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:-5] if damage is None else damage)
    told = document(leaky.path, code=1)
    assert len(told["findings"]) == 2
    (gap,) = told["unknowns"]
    assert gap["what"].startswith("3 objects cannot be read, the first is ")
    assert "git fsck" in gap["remedy"]


def test_a_damaged_pack(leaky: Repo) -> None:
    rng = random.Random(1)
    for number in range(20):
        leaky.commit(f"{number}.bin", rng.randbytes(2000))
    leaky.commit("fine.txt", OTHER)
    leaky.git("gc", "-q")
    (pack,) = (leaky.path / ".git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    for part in (2, 3, 5):
        data[len(data) // part : len(data) // part + 9] = b"\xff" * 9
    pack.write_bytes(data)
    told = document(leaky.path, "--no-cache", code=1)
    assert told["unknowns"]
    assert told["counts"]["objects_read"] > 40
    pack.write_bytes(data[: len(data) // 2])
    assert "cannot be accessed" in error(leaky.path, "--no-cache")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("HEAD", "garbage", "git finds no repository in it"),
        ("config", "[core\nx", "bad config line 1"),
        ("index", "garbage", "index file smaller than expected"),
    ],
)
def test_a_damaged_git_folder(clean: Repo, file: str, content: str, told: str) -> None:
    (clean.path / ".git" / file).write_text(content)
    assert told in error(clean.path)


def test_a_git_file_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    assert "repair it, or pass --no-history" in error(tmp_path)
    assert scan(tmp_path, "--no-history").code == 0


def test_references_that_lead_nowhere_are_passed_over(leaky: Repo) -> None:
    (leaky.path / ".git" / "refs" / "heads" / "bad").write_text("1" * 40 + "\n")
    (finding,) = document(leaky.path, code=1)["findings"]
    assert finding["places"][0]["path"] == "src/app.py"


def test_alternates_that_are_gone(clean: Repo) -> None:
    (clean.path / ".git" / "objects" / "info" / "alternates").write_text("/nowhere/objects\n")
    assert "/nowhere/objects" in document(clean.path, code=4)["unknowns"][0]["what"]


def test_objects_of_alternates_are_read(leaky: Repo, tmp_path: Path) -> None:
    place = tmp_path / "borrowing"
    leaky.git("clone", "-q", "--shared", str(leaky.path), str(place))
    assert labels(document(place, code=1))


def test_an_object_that_another_one_stands_for_is_read(leaky: Repo) -> None:
    old, new = leaky.git("rev-parse", "HEAD~1:src/app.py"), leaky.git("rev-parse", "HEAD:src/app.py")
    leaky.git("replace", old, new)
    assert labels(document(leaky.path, code=1))


HOSTILE = (
    b"new\nline.py",
    b"\x1b[31mred\x1b]0;title\x07.py",
    b"bad\xff.py",
    b'qu"ote.py',
    b" space ",
    "a\u202eb".encode(),
    b":(top)x",
    b"-x",
)


def test_hostile_names(new_repo: NewRepo) -> None:
    repo = new_repo("hos\ntile")
    for name in HOSTILE:
        (repo.path / os.fsdecode(name)).write_text(KEY)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "x")
    told = document(repo.path, code=1)
    assert len(labels(told)) == 2 * len(HOSTILE)
    for form in ("text", "json", "sarif"):
        out = scan(repo.path, "--format", form).out
        assert all(one.isprintable() or one == "\n" for one in out)
        out.encode()


def test_a_secret_in_a_name(new_repo: NewRepo) -> None:
    repo = new_repo()
    repo.commit(f"sub/{KEY}.json", "{}")
    repo.remove(f"sub/{KEY}.json")
    repo.commit("other", "x")
    told = document(repo.path, code=1)
    (place,) = told["findings"][0]["places"]
    assert (place["where"], place["path"]) == ("name", "sub/")
    assert place["commit"]
    assert KEY not in scan(repo.path).out
    top = new_repo("top")
    top.commit(f"{KEY}.json", "{}")
    (place,) = document(top.path, code=1)["findings"][0]["places"]
    assert (place["where"], place["path"], bool(place["commit"])) == ("name", None, True)


def test_loops_pipes_and_links_are_not_followed(new_repo: NewRepo, tmp_path: Path) -> None:
    repo = new_repo()
    (tmp_path / "outside.txt").write_text(OTHER)
    for folder in (repo.path, tmp_path / "plain"):
        folder.mkdir(exist_ok=True)
        (folder / "d").mkdir()
        (folder / "d" / "a.txt").write_text(KEY)
        (folder / "loop").symlink_to("loop")
        (folder / "up").symlink_to("..")
        (folder / "d" / "d").symlink_to("../d")
        (folder / "out.txt").symlink_to(tmp_path / "outside.txt")
        (folder / "gone").symlink_to("nowhere")
        os.mkfifo(folder / "pipe")
    assert labels(document(tmp_path / "plain", code=1)) == ["d/a.txt:1:1"]
    assert labels(document(repo.path, code=1)) == ["d/a.txt:1:1"]
    repo.git("add", "loop", "up", "d", "out.txt")
    (repo.path / "Dockerfile").symlink_to("pipe")
    assert document(repo.path, code=1)["unknowns"] == []


@pytest.mark.parametrize("megabytes", [100, pytest.param(dig.LARGEST // 1_000_000, marks=pytest.mark.slow)])
def test_enormous_files(new_repo: NewRepo, megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dig, "LARGEST", megabytes * 1_000_000)
    repo = new_repo()
    repo.commit("a.txt", "x")
    with (repo.path / "huge.bin").open("wb") as file:
        file.write(KEY.encode())
        file.truncate(megabytes * 1_100_000)
    told = document(repo.path, code=1)
    assert labels(told) == ["huge.bin:1:1"]
    assert told["unknowns"][0]["what"] == f"huge.bin was not looked at in full: it is larger than {megabytes:,} MB"


def test_a_large_blob(new_repo: NewRepo) -> None:
    repo = new_repo()
    lines = b"0123456789 abcdefghij klmnop\n" * 1_400_000
    repo.commit("big.log", lines + KEY.encode() + b"\n" + lines[:1000])
    repo.commit("small.txt", OTHER)
    told = labels(document(repo.path, code=1))
    assert f"big.log:{1_400_001}:1" in told
    assert len(told) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_another_user_may_not_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        _read_as_another_user(Repo(Path(folder) / "repo"))


def _read_as_another_user(repo: Repo) -> None:
    """In a process of its own, which gives up its rights when everything is imported."""
    repo.commit("a.txt", KEY)
    repo.write("closed/b.txt", "x")
    repo.write("c.txt", "x")
    for path in (repo.path, *repo.path.rglob("*")):
        os.chown(path, 65534, 65534)
    (repo.path / "closed").chmod(0)
    (repo.path / "c.txt").chmod(0)
    (repo.path / ".git").chmod(0o500)
    code = (
        "import os, sys, msgspec, tidegate.checks.scan as s; from pathlib import Path;"
        "import tidegate.checks.scan.document as d; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "sys.stdout.buffer.write(msgspec.json.encode(d.document(s.scan(Path(sys.argv[1])))))"
    )
    environ = {**ENVIRON, "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, str(repo.path)]
    ran = subprocess.run(command, env=environ, cwd="/", capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert len(labels(told)) == 2
    assert {one["what"].split(":")[0] for one in told["unknowns"]} == {
        "1 file cannot be read, the first is c.txt",
        "could not open directory 'closed/'",
    }
    assert "the next scan will read the whole history again" in told["notes"][0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_the_repository_of_another_user(clean: Repo) -> None:
    for path in (clean.path, *clean.path.rglob("*")):
        os.chown(path, 65534, 65534)
    told = error(clean.path)
    assert told.startswith(f"{clean.path}: git does not open a repository that belongs to another user")
    assert f"git config --global --add safe.directory {clean.path}" in told


def test_the_configuration_of_a_repository_runs_nothing(leaky: Repo, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "gpg.program", "diff.external", "core.sshCommand", "core.editor"):
        leaky.git("config", name, str(trap))
    leaky.git("config", "filter.trap.clean", str(trap))
    leaky.git("config", "diff.trap.textconv", str(trap))
    leaky.git("config", "log.showSignature", "true")
    leaky.write(".gitattributes", "* filter=trap diff=trap\n")
    for hook in ("post-index-change", "pre-commit", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(trap, leaky.path / ".git" / "hooks" / hook)
    leaky.write("src/app.py", "changed = 1\n")
    for arguments in ((), ("--staged",), ("--no-history",)):
        scan(leaky.path, *arguments)
    assert not (tmp_path / "sprung").exists()
