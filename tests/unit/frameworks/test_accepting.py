"""Who gets a page, and who gets JSON."""

import pytest

from tidegate.frameworks.accepting import wants_page
from unit.frameworks.calls import BROWSER


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("text/html, application/json;q=0.9", True),
        ("application/json;q=0.5, text/html;q=0.6", True),
        ("*/*;q=0.1, text/html", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/event-stream", False),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        ("text/html;level=1;q=0.2, */*", False),
        (";,,;q=", False),
    ],
)
def test_who_wants_a_page(accept: str, page: bool) -> None:
    assert wants_page(accept) == page
