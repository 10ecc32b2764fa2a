"""What a gateway says when it serves."""

from pathlib import Path

import pytest

from tidegate.cli import banner
from tidegate.cli.serve import check, with_fake
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.model.errors import ConfigError

SECRETS = {"TIDEGATE_KEY_SECRET": "k" * 32, "TIDEGATE_ADMIN_TOKEN": "a" * 32}


def told(
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    host: str = "127.0.0.1",
    keys: int = 1,
    fake: bool = False,
    files: int | None = None,
) -> str:
    banner.show(settings, host, 8787, keys=keys, fake=fake, files=files)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_the_first_line_is_what_programs_wait_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    err = told(capsys, load(environ=SECRETS, directory=tmp_path))
    assert err.splitlines()[0] == "tidegate serves on http://127.0.0.1:8787"
    assert "http://127.0.0.1:8787/dashboard" in err
    assert "20 requests a minute for each user" in err
    assert f"{tmp_path.resolve()}/tidegate.db" in err
    assert "none: nothing bounds what is spent" in err
    assert "!" not in err
    assert "a" * 32 not in err


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settings = load(environ={"TIDEGATE_KEY_SECRET": "k" * 32}, directory=tmp_path)
    err = told(capsys, settings, host="0.0.0.0", keys=0)
    assert "dashboard:  off" in err
    assert "tidegate keys create --app NAME" in err
    assert "without TLS" in err


@pytest.mark.parametrize(
    ("files", "line"), [(1024, True), (8255, True), (8256, False), (1 << 20, False), (None, False)]
)
def test_few_files_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: int | None, line: bool
) -> None:
    err = told(capsys, load(environ=SECRETS, directory=tmp_path), files=files)
    said = [one for one in err.splitlines() if "clients at once" in one]
    assert len(said) == line
    if files == 1024:
        assert said[0].startswith(
            "  ! It takes 480 clients at once, because it may open 1,024 files: raise the hard limit"
        )


def test_the_fake_is_said_loudly_and_is_the_only_upstream(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "tidegate.toml"
    config.write_text(
        '[upstreams.other]\nurl = "https://x.example"\napi_key = "env://NOT_SET"\n'
        '[routes.a]\nfallback = ["upstream:other", "static:sorry"]\n'
    )
    settings = with_fake(load(environ=SECRETS, directory=tmp_path), "http://127.0.0.1:1")
    assert [one.url for one in settings.upstreams] == ["http://127.0.0.1:1"]
    assert settings.rules.routes["a"].fallback == ("static:sorry",)
    check(settings)
    assert "FAKE: nothing reaches Anthropic" in told(capsys, settings, fake=True)


def test_a_missing_key_names_the_way_without_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ANTHROPIC_API_KEY is not set.*tidegate serve --fake"):
        check(load(environ=SECRETS, directory=tmp_path))
