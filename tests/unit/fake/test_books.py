from pathlib import Path

import msgspec

from tidegate.fake.books import Books, Row


def row(seq: int, path: str = "/v1/messages") -> Row:
    return Row(seq=seq, received_at=1.0, request_id=f"req_{seq}", connection=1, method="POST", path=path)


def test_totals() -> None:
    books = Books()
    first, second, other = row(1), row(2), row(3, "/v1/models")
    for each in (first, second, other):
        books.begin(each, lambda: 5)
    assert books.next_seq() == 4
    totals = books.totals()
    assert (totals.attempts, totals.requests, totals.open, totals.cost_now) == (2, 3, 2, 10)
    first.cost = 40
    first.input_tokens = first.cache_read_tokens = first.output_tokens = 3
    books.end(first, "ok")
    books.end(other, "ok")
    totals = books.totals()
    assert (totals.ended, totals.open, totals.peak_concurrent) == (1, 1, 2)
    assert (totals.cost_settled, totals.cost_now, totals.input_tokens, totals.output_tokens) == (40, 45, 6, 3)
    assert totals.endings == {"ok": 1}


def test_what_was_open_at_a_reset_is_forgotten() -> None:
    books = Books()
    old = row(1)
    books.begin(old, lambda: 5)
    books.reset()
    new = row(1)
    books.begin(new, lambda: 0)
    old.cost = 99
    books.end(old, "disconnected")
    assert (books.totals().open, books.totals().cost_settled) == (1, 0)


def test_old_rows_are_dropped_but_counted() -> None:
    books = Books(keep_rows=2)
    for seq in range(1, 6):
        books.begin(row(seq), lambda: 0)
    assert [each.seq for each in books.rows] == [4, 5]
    assert (books.totals().rows_dropped, books.totals().attempts) == (3, 5)


def test_watchers_hear_of_changes() -> None:
    books = Books()
    heard: list[int] = []
    books.watchers.append(lambda: heard.append(books.totals().ended))
    each = row(1)
    books.begin(each, lambda: 0)
    books.end(each, "ok")
    assert heard == [0, 1]


def test_the_file_has_a_line_at_the_start_and_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "books.jsonl"
    books = Books(file)
    each = row(1)
    books.begin(each, lambda: 0)
    started = msgspec.json.decode(file.read_bytes())
    assert (started["event"], started["seq"], started["path"]) == ("start", 1, "/v1/messages")
    each.cost = 7
    books.end(each, "ok")
    ended = msgspec.json.decode(file.read_bytes().splitlines()[1])
    assert (ended["event"], ended["cost"], ended["ending"]) == ("end", 7, "ok")
    assert msgspec.convert({name: ended[name] for name in ended if name != "event"}, Row) == each
    assert file.stat().st_mode & 0o777 == 0o600
