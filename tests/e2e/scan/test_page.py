"""docs/howto/scan.md works in an empty folder, for whoever has not set tidegate up before."""

from pathlib import Path

from docs.pages import DOCS
from docs.reader import reader


def test_the_page_needs_nothing_before_it(tmp_path: Path) -> None:
    with reader(tmp_path, "http://127.0.0.1:9") as following:
        following.follow(DOCS / "howto" / "scan.md")
        assert (tmp_path / ".env").exists()
