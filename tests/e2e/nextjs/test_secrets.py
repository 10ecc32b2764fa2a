"""The key stays on the server: it is in nothing that is built and in nothing that a browser gets."""

import re
from pathlib import Path

import pytest

from e2e.gateways import UPSTREAM_KEY
from e2e.nextjs.application import SESSION_SECRET, User
from e2e.nextjs.building import BUILD_SECRETS, NEXT, sources
from e2e.nextjs.stage import Stage

pytestmark = pytest.mark.slow

SERVER_ONLY = (b"ANTHROPIC_", b"SESSION_SECRET", b"x-tidegate-", b"api.anthropic.com", b"x-api-key")
"""What would stand in the page's scripts if the code that has the key were among them."""


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_nothing_of_the_server_is_in_the_scripts_of_the_page(example: Path) -> None:
    assert example.exists()
    found = {path: path.read_bytes() for path in files(NEXT / "static")}
    assert any(b"Try again" in data for data in found.values()), "this is not where the page's scripts are"
    for path, data in found.items():
        assert [word for word in (*SERVER_ONLY, *_secrets_of_the_build()) if word in data] == [], path


def test_no_build_takes_a_secret_along(example: Path) -> None:
    """So that one image serves with any key; `cache` is left out, no server reads it."""
    assert example.exists()
    found = [path for path in files(NEXT) if "cache" not in path.relative_to(NEXT).parts]
    assert any(b"x-tidegate-user" in path.read_bytes() for path in found), "this is not where the server is"
    for path in found:
        assert [word for word in _secrets_of_the_build() if word in path.read_bytes()] == [], path


def _secrets_of_the_build() -> list[bytes]:
    return [value.encode() for value in BUILD_SECRETS.values()]


def test_nothing_that_a_browser_gets_has_a_secret(stage: Stage) -> None:
    user = stage.new_user()
    stranger = User(stage.app, "stranger")
    pages = [user.page(), user.page("/nothing-here"), stranger.page(), stranger.page("/?name=unfit")]
    for page in list(pages):
        pages += [user.page(path) for path in sorted(set(re.findall(r'"(/_next/static/[^"?]+)', page)))]
    assert len(pages) > 6
    answers = [user.ask(f"[[fake: {orders}]]").raw.decode() for orders in ("say=Hello", "status=500", "cut=5")]
    for text in (*pages, *answers):
        assert not [word for word in (stage.site.key, SESSION_SECRET, UPSTREAM_KEY) if word in text]
        assert str(stage.gateway.port) not in re.findall(r"127\.0\.0\.1:(\d+)", text)


def test_no_secret_is_in_the_sources(example: Path) -> None:
    for path in sources():
        assert not re.search(r"sk-ant-\w|tg_[a-z0-9]{8}_\w", path.read_text("utf-8")), path.relative_to(example)
