"""Dockerfiles that copy everything, and what `.dockerignore` keeps out."""

from pathlib import Path

import pytest

from tidegate.checks.scan.docker import contexts, ignored


@pytest.mark.parametrize(
    ("patterns", "path", "out"),
    [
        ([".env"], ".env", True),
        ([".env"], "api/.env", False),
        (["**/.env"], "api/v1/.env", True),
        (["**/.env"], ".env", True),
        (["**/.env*"], "a/.env.local", True),
        ([".env*"], ".env.production", True),
        (["*"], ".env", True),
        (["*", "!.env"], ".env", False),
        (["*", "!.env", ".env"], ".env", True),
        (["/.env"], ".env", True),
        (["./.env"], ".env", True),
        ([".env/"], ".env", True),
        (["api"], "api/.env", True),
        (["api/*"], "api/v1/.env", True),
        (["a?i"], "api/.env", True),
        (["[ab]pi"], "api/.env", True),
        (["[^ab]pi"], "api/.env", False),
        (["[z-a]"], ".env", False),
        (["env"], ".env", False),
        ([], ".env", False),
    ],
)
def test_patterns(patterns: list[str], path: str, out: bool) -> None:
    assert ignored(path, patterns) is out


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("COPY . .", True),
        ("copy ./ /app", True),
        ("ADD . /app/", True),
        ("COPY --chown=app:app . /app", True),
        ('COPY [".", "/app"]', True),
        ("COPY * /app/", True),
        ("COPY --from=build . /app", False),
        ("COPY src /app/src", False),
        ("COPY ./src .", False),
        ("# COPY . .", False),
        ("RUN echo COPY . .", False),
    ],
)
def test_what_copies_everything(tmp_path: Path, line: str, whole: bool) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM python\n{line}\n")
    found = list(contexts(tmp_path, [b"Dockerfile", b"app.py"]))
    assert [(one.dockerfile, one.line) for one in found] == ([(b"Dockerfile", 2)] if whole else [])


@pytest.mark.parametrize(
    "name", ["Dockerfile", "Dockerfile.dev", "api.dockerfile", "Containerfile", "deploy/Dockerfile"]
)
def test_names_of_dockerfiles(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("COPY . .\n")
    assert len(list(contexts(tmp_path, [name.encode()]))) == 1


def test_the_risk_and_what_ends_it(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nCOPY . .\n")
    (context,) = contexts(tmp_path, [b"Dockerfile"])
    risk = context.risk(b"")
    assert risk is not None
    assert (risk.path, risk.line) == ("Dockerfile", 2)
    assert "there is no .dockerignore" in risk.what
    (tmp_path / ".dockerignore").write_text("node_modules\n")
    (context,) = contexts(tmp_path, [b"Dockerfile"])
    assert "does not name .env" in str(context.risk(b""))
    assert context.takes(b"api/.env")
    (tmp_path / ".dockerignore").write_text("# secrets\n**/.env*\n")
    (context,) = contexts(tmp_path, [b"Dockerfile"])
    assert context.risk(b"") is None
    assert not context.takes(b"api/.env.local")


def test_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Dockerfile").write_text("COPY . .\n")
    (context,) = contexts(tmp_path, [b"api/Dockerfile"])
    assert context.takes(b"api/.env")
    assert not context.takes(b".env")
    (tmp_path / ".dockerignore").write_text(".env\n")
    (context,) = contexts(tmp_path, [b"api/Dockerfile"])
    assert context.folder == b""
    assert not context.takes(b".env")
    (tmp_path / "api" / "Dockerfile.dockerignore").write_text("x\n")
    (context,) = contexts(tmp_path, [b"api/Dockerfile"])
    assert (context.folder, context.patterns) == (b"api", ("x",))
