"""Repositories made for scanning: much ordinary history, fake credentials in every hiding place, look-alikes."""

import base64
import bz2
import gzip
import io
import json
import os
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tidegate.checks.scan.kinds import KindName
from unit.checks.scan.fakes import MAKERS, look_alikes

Content = Callable[[str], str | bytes]
"""From a secret to a file that has it."""

START = 1_700_000_000
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Cy Committer",
    "GIT_COMMITTER_EMAIL": "cy@example.com",
    "GIT_AUTHOR_DATE": f"{START} +0000",
    "GIT_COMMITTER_DATE": f"{START} +0000",
}


class Planted(NamedTuple):
    """A credential, and where one of its places must lead: the kind of place and a part of its label or note."""

    kind: KindName
    secret: str
    where: str
    told: str


class Repo:
    """A repository, driven by git itself."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        ran = subprocess.run(
            ["git", *arguments], cwd=self.path, env=ENVIRON, input=stdin, capture_output=True, check=False
        )
        assert ran.returncode == 0, (arguments, ran.stderr)
        return ran.stdout.decode().strip()

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, path: str, content: str | bytes, message: str = "Change something") -> str:
        self.write(path, content)
        self.git("add", "-f", path)
        self.git("commit", "-q", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD")

    def remove(self, path: str) -> None:
        self.git("rm", "-q", path)
        self.git("commit", "-q", "-m", "Remove it")


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def tarred(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def wrapped(data: bytes, indent: str = "") -> str:
    return "".join(f"{indent}{line}\n" for line in base64.encodebytes(data).decode().splitlines())


def plant(repo: Repo, rng: random.Random) -> list[Planted]:
    """Fake credentials of every kind, in every hiding place; on top of what the repository has."""
    planted = [*_in_files(repo, rng), *_in_the_graph(repo, rng), *_outside_of_it(repo, rng)]
    assert len({one.secret for one in planted}) == len(planted) >= 20
    return planted


def _in_files(repo: Repo, rng: random.Random) -> Iterator[Planted]:
    """Files of the history that are gone again; each by its content around the credential."""
    for number, (kind, path, content) in enumerate(_files(rng)):
        secret = MAKERS[kind](rng)
        repo.commit(path, content(secret), f"Add {path}")
        if number % 3:
            repo.remove(path)
        yield Planted(kind, secret, "history", path)


def _files(rng: random.Random) -> list[tuple[KindName, str, Content]]:
    noise = rng.randbytes(3000)
    return [
        ("api-key", ".env.production", lambda key: f"DEBUG=0\nANTHROPIC_API_KEY={key}\n"),
        ("admin-key", "ops/costs.py", lambda key: f'ADMIN = "{key}"\n'),
        ("compliance-key", "audit.csv", lambda key: f"name,key,day\nx,{key},2026-01-01\n"),
        ("api-key", "explore.ipynb", _notebook),
        ("api-key", "k8s/secret.yaml", lambda key: f"data:\n  key: {base64.b64encode(key.encode()).decode()}\n"),
        ("oauth-token", "ci/vars.yaml", lambda key: f"vars: |\n{wrapped(noise + f'TOKEN={key}'.encode(), '    ')}"),
        ("api-key", "setup.ps1", lambda key: f'$env:KEY = "{key}"\r\n'.encode("utf-16")),
        ("session-key", "export.reg", lambda key: f"cookie={key};".encode("utf-16-be")),
        ("refresh-token", "logs/app.log.gz", lambda key: gzip.compress(noise + f"\nrefresh {key}\n".encode())),
        ("api-key", "vendor/pkg-1.0.whl", lambda key: zipped(**{"pkg/conf.py": f"K = '{key}'\n".encode()})),
        ("api-key", "backup.tgz", lambda key: tarred(home=zipped(**{"a/.env": f"KEY={key}\n".encode()}))),
        ("api-key", "Dockerfile", lambda key: f"FROM python\nENV ANTHROPIC_API_KEY={key}\n"),
        ("session-key", "notes.md", lambda key: f"https://x.test/?a=1&sessionKey={key}&b=2\n"),
        ("app-key", "web/config.json", lambda key: json.dumps({"headers": {"x-api-key": key}})),
        ("app-key", "helm/release.yaml", lambda key: f"r: {_helm(key)}\n"),
        ("webhook-secret", "hooks.toml", lambda key: f'secret = "{key}"\n'),
        ("session-token", "trace.har", lambda key: f'{{"authorization": "Bearer {key}"}}'),
        ("claude-credential", "worker.ts", lambda key: f"const secret = `{key}`;\n"),
        ("api-key", "mail.eml", lambda key: f"the key is {key[:60]}=\n{key[60:]} bye\n"),
        ("api-key", "split.js", lambda key: f'const k = "{key[:40]}" +\n  "{key[40:]}";\n'),
        ("oauth-token", "dump.bz2", lambda key: bz2.compress(f"token: {key}".encode())),
    ]


def _notebook(key: str) -> str:
    out = {"output_type": "stream", "text": [f"{{'api_key': \"{key}\"}}\n"]}
    cell = {"cell_type": "code", "source": ["print(settings)\n"], "outputs": [out]}
    return json.dumps({"cells": [cell], "nbformat": 4}, indent=1)


def _helm(key: str) -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps({"key": key}).encode()))).decode()


def _in_the_graph(repo: Repo, rng: random.Random) -> Iterator[Planted]:
    """Messages, a merge that adds what neither side has, the stash, a note."""
    key = MAKERS["api-key"](rng)
    repo.git("commit", "-q", "--allow-empty", "-m", f"Try it\n\ncurl -H 'x-api-key: {key}'")
    yield Planted("api-key", key, "message", "message")
    key = MAKERS["api-key"](rng)
    repo.git("tag", "-a", "v1", "-m", f"Release\n\nwith {key}")
    yield Planted("api-key", key, "tag", "the tag v1")
    key = MAKERS["admin-key"](rng)
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side.txt", "side\n")
    repo.git("checkout", "-q", "main")
    repo.commit("main.txt", "main\n")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    repo.commit("evil.txt", f"{key}\n", "Merge side")
    repo.remove("evil.txt")
    yield Planted("admin-key", key, "history", "evil.txt")
    key = MAKERS["oauth-token"](rng)
    repo.commit("stashed.py", "x = 1\n")
    repo.write("stashed.py", f"x = '{key}'\n")
    repo.git("stash", "push", "-q")
    yield Planted("oauth-token", key, "history", "in the stash")
    key = MAKERS["api-key"](rng)
    repo.git("notes", "add", "-m", f"deployed with {key}", "HEAD")
    yield Planted("api-key", key, "history", "in a note")


def _outside_of_it(repo: Repo, rng: random.Random) -> Iterator[Planted]:
    """Objects that nothing leads to, what is staged, what lies there, look-alikes, and what belongs where it is."""
    key = MAKERS["api-key"](rng)
    before = repo.git("rev-parse", "HEAD")
    repo.commit("lost.py", f"k = '{key}'\n", "To be forgotten")
    repo.git("reset", "-q", "--hard", before)
    repo.git("reflog", "expire", "--expire=now", "--all")
    yield Planted("api-key", key, "history", "no branch or tag leads there")
    key = MAKERS["session-key"](rng)
    repo.git("hash-object", "-w", "--stdin", stdin=f"a {key} b".encode())
    yield Planted("session-key", key, "history", "in no commit")
    key = MAKERS["api-key"](rng)
    repo.write("staged.py", f"key = '{key}'\n")
    repo.git("add", "staged.py")
    repo.write("staged.py", "key = None\n")
    yield Planted("api-key", key, "staged", "staged.py")
    key = MAKERS["app-key"](rng)
    repo.write("scratch/new.txt", f"{key}\n")
    yield Planted("app-key", key, "file", "scratch/new.txt:1:1")
    repo.write(".gitignore", ".env\n")
    repo.write(".env", f"ANTHROPIC_API_KEY={MAKERS['api-key'](rng)}\n")


def plant_look_alikes(repo: Repo, rng: random.Random) -> int:
    """Two hundred, in files of the history; returns how many."""
    lines = look_alikes(rng)
    for number in range(0, len(lines), 20):
        repo.write(f"docs/example-{number}.md", "\n".join(lines[number : number + 20]) + "\n")
    repo.git("add", "docs")
    repo.git("commit", "-q", "-m", "Add examples")
    return len(lines)
