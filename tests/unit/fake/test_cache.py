from tidegate.fake.cache import PromptCache, Split
from tidegate.fake.prompt import Segment

FRAME = 3
A, B, C = Segment(1_000, "a", "5m"), Segment(500, "b"), Segment(200, "c", "1h")


def test_nothing_marked_nothing_cached() -> None:
    cache = PromptCache()
    assert cache.serve([A._replace(ttl=""), B], "me", 100, 0.0) == Split(1_500 + FRAME)


def test_written_first_read_afterwards() -> None:
    cache = PromptCache()
    assert cache.serve([A, B, C, B], "me", 100, 0.0) == Split(500 + FRAME, write_5m=1_000, write_1h=700)
    assert cache.serve([A, B, C, B], "me", 100, 1.0) == Split(500 + FRAME, read=1_700)


def test_the_longest_prefix_is_read_and_the_rest_written() -> None:
    cache = PromptCache()
    cache.serve([A, B], "me", 100, 0.0)
    assert cache.serve([A, B, C], "me", 100, 1.0) == Split(FRAME, write_1h=700, read=1_000)


def test_marks_may_move() -> None:
    cache = PromptCache()
    cache.serve([A, B, C], "me", 100, 0.0)
    moved = [A._replace(ttl=""), B, C._replace(ttl=""), B._replace(ttl="5m")]
    assert cache.serve(moved, "me", 100, 1.0) == Split(FRAME, write_5m=500, read=1_700)


def test_short_prefixes_are_not_cached() -> None:
    cache = PromptCache()
    assert cache.serve([A, B], "me", 1_001, 0.0) == Split(1_500 + FRAME)


def test_owners_do_not_share() -> None:
    cache = PromptCache()
    cache.serve([A], "me", 100, 0.0)
    assert cache.serve([A], "you", 100, 1.0).read == 0


def test_entries_expire_unless_they_are_used() -> None:
    cache = PromptCache()
    cache.serve([A], "me", 100, 0.0)
    assert cache.serve([A], "me", 100, 299.0).read == 1_000
    assert cache.serve([A], "me", 100, 598.0).read == 1_000
    assert cache.serve([A], "me", 100, 898.5).read == 0


def test_hits_are_looked_for_twenty_segments_back() -> None:
    cache = PromptCache()
    cache.serve([A], "me", 100, 0.0)
    far = [A._replace(ttl=""), *(Segment(10, str(number)) for number in range(20)), C]
    assert cache.serve(far, "me", 100, 1.0).read == 0
    near = [*far[:19], C]
    assert cache.serve(near, "me", 100, 1.0).read == 1_000
