"""The targets that are remembered: what is told again is what was told first, and no more than so many are kept."""

import pytest

from tidegate.doors.gateway.target import known, path_and_query

TARGETS = {
    b"/v1/messages": ("/v1/messages", b""),
    b"/v1/messages?beta=true": ("/v1/messages", b"beta=true"),
    b"http://claude.example/v1/models?limit=1": ("/v1/models", b"limit=1"),
}


@pytest.mark.parametrize("url", TARGETS)
def test_a_target_is_known_once_it_came(url: bytes) -> None:
    assert path_and_query(url) == TARGETS[url] == known(url) == path_and_query(url)


@pytest.mark.parametrize("url", [b"/v1/messages#a", b"http://claude.example", b"/" + b"a" * 1_000])
def test_what_is_odd_or_long_is_looked_at_each_time(url: bytes) -> None:
    path_and_query(url)
    assert known(url) is None


def test_so_many_are_kept() -> None:
    urls = [b"/%d" % number for number in range(3_000)]
    for url in urls:
        path_and_query(url)
    assert known(urls[-1]) == ("/2999", b"")
    assert sum(known(url) is not None for url in urls) <= 1_000
