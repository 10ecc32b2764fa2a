"""reference/wire.md and the gateway name the same paths, headers and refusals."""

import re

from docs.pages import ROOT, code_spans, one, page, plain, tables, text_of
from tidegate.doors.gateway import own, paths, wire
from tidegate.doors.gateway.keyring import _BAD_TRIES
from tidegate.model.refusal import SHAPES
from tidegate.policy.reading import MAX_MODEL, MAX_TOKENS
from tidegate.policy.replies import RESETS_AT, RETRY_AFTER, UPSTREAM_TEXTS
from tidegate.policy.retry import Failure, is_retryable

WIRE = page("reference/wire.md")
REFUSALS = one(WIRE, "Refusals")
SRC = ROOT / "src/tidegate"


def test_every_reason_and_the_other_way_round() -> None:
    assert [plain(cell) for cell in REFUSALS.column("reason")] == list(SHAPES)


def test_the_shape_of_every_reason() -> None:
    for reason, status, kind, wait, again, _ in REFUSALS.rows:
        shape = SHAPES[plain(reason)]  # type: ignore[index]  # the test above has compared the names
        assert (int(status), plain(kind)) == (shape.status, shape.type), reason
        assert again == {None: "", True: "true", False: "false"}[shape.should_retry], reason
        assert wait == {None: "", "real": "real", "one": "1"}[RETRY_AFTER.get(plain(reason))], reason  # type: ignore[call-overload]  # as above


def test_who_says_when_a_budget_starts_anew() -> None:
    (row,) = [row for row in one(WIRE, "Headers of a reply").rows if plain(row[0]) == "x-tidegate-resets-at"]
    assert set(code_spans(row[1])) == RESETS_AT


def test_reasons_that_nothing_gives_say_so() -> None:
    """When one of them is built, the page must be changed."""
    tables_of_reasons = {SRC / "model/refusal.py", SRC / "policy/replies.py", SRC / "cli/demo_traffic.py"}
    given = {
        word
        for path in SRC.rglob("*.py")
        if path not in tables_of_reasons
        for line in path.read_text().split("\n")
        if "reason" in line
        for word in re.findall(r'"([a-z_]+)"', line)
    }
    silent = {plain(row[0]) for row in REFUSALS.rows if row[-1] == "not given yet"}
    assert silent == SHAPES.keys() - given


def test_every_path_and_the_other_way_round() -> None:
    theirs, ours = [table for table in tables(WIRE) if table.title == "Paths"]
    documented = {plain(row[0]): (set(row[1].split(", ")), plain(row[2])) for row in theirs.rows}
    samples = {path: path.replace("ID", "claude-haiku-4-5").replace("…", "/x") for path in documented}
    for path, (methods, scope) in documented.items():
        found = paths.find_path(samples[path])
        assert found is not None, path
        assert (set(found.methods), found.scope) == (methods, scope), path
        (meaning,) = [row[3] for row in theirs.rows if plain(row[0]) == path]
        assert (found.handling == "denied") == ("not built" in meaning), path
    assert len(documented) == len(paths._EXACT) + len(paths._PATTERNS)
    assert {plain(row[0]) for row in ours.rows} == own._PATHS


def test_the_headers_that_are_taken_off() -> None:
    table = one(WIRE, "Headers of a request")
    gone = {
        name.rstrip("…")
        for cell, what in zip(table.column("header"), table.column("what happens"), strict=True)
        if "taken off" in what and "passes if" not in what
        for name in code_spans(cell)
    }
    prefixes = {prefix.decode() for prefix in wire._NOT_UP_PREFIXES}
    expected = {name.decode() for name in wire._NOT_UP} | prefixes | {"content-encoding"}
    named_apart = {"x-tidegate-user", "x-tidegate-route"}
    covered = {name for name in expected if any(name.startswith(prefix) and name != prefix for prefix in prefixes)}
    assert gone - named_apart == expected - covered


def test_the_headers_that_need_a_scope() -> None:
    for name, scope in wire.SCOPED.items():
        assert f"| `{name.decode()}` | passes if the key has the scope `{scope}`, else taken off |" in text_of(WIRE)


def test_encodings() -> None:
    (row,) = [row for row in one(WIRE, "Headers of a request").rows if row[0] == "`accept-encoding`"]
    assert {name.encode() for name in code_spans(row[1])} == wire._READABLE


def test_headers_of_ours_that_a_page_names_exist() -> None:
    source = "".join(path.read_text() for path in SRC.rglob("*.py"))
    for path in (ROOT / "docs").rglob("*.md"):
        for name in re.findall(r"\bx-tidegate-[a-z-]+[a-z]", path.read_text()):
            assert name in source, f"{path.name}: {name}"


def test_numbers_of_the_page() -> None:
    text = text_of(WIRE)
    assert f"More than {_BAD_TRIES} bad keys in a minute" in text
    assert f"above {MAX_TOKENS} |" in text
    assert f"more than {MAX_MODEL} characters" in text


def test_what_is_retried() -> None:
    retried = {status for status in range(400, 600) if is_retryable(Failure(status=status))}
    assert retried == {408, 409, 429, *range(500, 600)}
    assert "| 408, 409, 429, 500 and above | retried;" in text_of(WIRE)
    assert set(UPSTREAM_TEXTS) <= retried
