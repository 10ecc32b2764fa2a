"""`tidegate init`: what it writes, and that it never touches what is there."""

import stat
from pathlib import Path

import pytest

from tidegate.cli import exits
from tidegate.config.files import read_env_file
from tidegate.config.load import load
from tidegate.config.templates import template_env, template_toml
from unit.cli.conftest import Cli


def test_an_empty_folder_gets_everything(cli: Cli, home: Path) -> None:
    ran = cli("init")
    assert ran.code == exits.OK
    assert ran.err == ""
    assert (home / "tidegate.toml").read_text() == template_toml()
    assert (home / ".env.example").read_text() == template_env()
    assert (home / ".gitignore").read_text() == ".env\n.env.local\n.env.production\n"
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert "tidegate keys create" in ran.out


def test_what_it_writes_can_be_loaded_and_has_secrets(cli: Cli, home: Path) -> None:
    cli("init")
    settings = load(environ={}, directory=home)
    assert settings.source == home / "tidegate.toml"
    values = read_env_file(home / ".env", ".env").values
    assert settings.key_secret is not None
    assert settings.key_secret.reveal() == values["TIDEGATE_KEY_SECRET"]
    assert len(set(values.values())) == 3
    assert values["ANTHROPIC_API_KEY"] == ""


def test_secrets_are_not_printed(cli: Cli, home: Path) -> None:
    ran = cli("init")
    for value in read_env_file(home / ".env", ".env").values.values():
        assert not value or value not in ran.out + ran.err


def test_a_second_run_changes_nothing(cli: Cli, home: Path) -> None:
    cli("init")
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    ran = cli("init")
    assert ran.code == exits.OK
    assert ran.out.count("left as it is") == 4
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_an_older_env_is_left_and_what_it_lacks_is_said(cli: Cli, home: Path) -> None:
    (home / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-x\n")
    ran = cli("init")
    assert ran.code == exits.OK
    assert (home / ".env").read_text() == "ANTHROPIC_API_KEY=sk-ant-x\n"
    assert "no TIDEGATE_ADMIN_TOKEN and no TIDEGATE_KEY_SECRET" in ran.err
    assert 'echo "TIDEGATE_KEY_SECRET=$(openssl rand -hex 32)" >> .env' in ran.err
    assert "sk-ant-x" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("dist", "dist\n.env\n.env.local\n.env.production\n"),
        ("/.env\n.env.local\n", "/.env\n.env.local\n.env.production\n"),
        (".env\n.env.local\n.env.production", ".env\n.env.local\n.env.production"),
    ],
)
def test_gitignore_keeps_its_lines(cli: Cli, home: Path, before: str, after: str) -> None:
    (home / ".gitignore").write_text(before)
    cli("init")
    assert (home / ".gitignore").read_text() == after


def test_another_folder_is_made(cli: Cli, home: Path) -> None:
    ran = cli("init", "--directory", "deep/down")
    assert ran.code == exits.OK
    assert (home / "deep" / "down" / ".env").exists()
    assert "cd deep/down && tidegate serve" in ran.out


def test_a_folder_that_cannot_be_made_is_one_line(cli: Cli, home: Path) -> None:
    (home / "file").write_text("")
    ran = cli("init", "--directory", "file/below")
    assert ran.code == exits.FAILED
    assert ran.err.startswith("error: file/below: ")
    assert ran.err.count("\n") == 1
