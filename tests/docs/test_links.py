"""Links lead somewhere; pages are complete."""

from pathlib import Path

import pytest

from docs.pages import DOCS, OURS, ROOT, anchors, links, page, pages, text_of

MORE = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
COMING = {path for path in (DOCS / "performance.md",) if not path.exists()}
"""Written by whoever measures, and checked from then on."""


@pytest.mark.parametrize(
    "path", [*pages(), *MORE, *sorted((DOCS / "decisions").glob("*.md"))], ids=lambda path: path.name
)
def test_relative_links(path: Path) -> None:
    for number, target in links(path):
        if "://" in target:
            continue
        where, _, anchor = target.partition("#")
        found = (path.parent / where).resolve() if where else path
        if found in COMING:
            continue
        assert found.exists(), f"{path.name}:{number}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{path.name}:{number}: {target}"


def test_the_plan_names_every_page() -> None:
    named = {(DOCS / target).resolve() for _, target in links(page("README.md"))}
    assert {path for name in OURS for path in (DOCS / name).glob("*.md")} <= named


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_page_is_whole(path: Path) -> None:
    text = text_of(path)
    assert text.startswith("# ")
    assert text.count("```") % 2 == 0
    assert text.endswith("\n")
    assert "\t" not in text
    assert not [number for number, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
