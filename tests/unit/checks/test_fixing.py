"""`--fix` changes what it must and not a byte more, shows it without secrets, and mends what it says it mends."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tidegate.checks.fixing import changed, diff, fix
from tidegate.checks.table import BY_ID
from tidegate.checks.verdict import Edit, Place, State, failed
from unit.checks import corpus


def edit(line: int, column: int, end_line: int, end_column: int, text: str) -> Edit:
    return Edit(Place("a.py", line, column, end_line, end_column), text)


@pytest.mark.parametrize(
    ("old", "edits", "new"),
    [
        (b"f(a, b=1)\n", [edit(1, 3, 1, 8, "")], b"f(a)\n"),
        (b"a\nb\nc\n", [edit(2, 0, 3, 0, "")], b"a\nc\n"),
        (b"a\nb", [edit(2, 0, 3, 0, "")], b"a\n"),
        (b"a b a\n", [edit(1, 0, 1, 1, "x"), edit(1, 4, 1, 5, "y")], b"x b y\n"),
        ("é = 'ü'; f(1)\n".encode(), [edit(1, 9, 1, 13, "g()")], "é = 'ü'; g()\n".encode()),
        (b"\xef\xbb\xbfa\r\nb\r\n", [edit(2, 0, 2, 1, "x")], b"\xef\xbb\xbfa\r\nx\r\n"),
        (b"a\r\n", [Edit(Place("a.py"), "b\n")], b"a\r\nb\r\n"),
        (b"a", [Edit(Place("a.py"), "b\n")], b"a\nb\n"),
        (b"", [Edit(Place("a.py"), "b\n")], b"b\n"),
        (b"abc\n", [edit(1, 0, 1, 2, "x"), edit(1, 1, 1, 3, "y")], b"ay\n"),
        (b"\xff\n", [edit(1, 0, 1, 1, "x")], None),
    ],
)
def test_changes(old: bytes, edits: list[Edit], new: bytes | None) -> None:
    assert changed(old, edits) == new


def test_the_diff_masks_what_is_taken_out() -> None:
    secret = corpus.key(1)
    text = diff("a.py", f'c = A(api_key="{secret}")\n'.encode(), b"c = A()\n")
    assert text.splitlines()[:2] == ["--- a/a.py", "+++ b/a.py"]
    assert secret[20:60] not in text
    assert "+c = A()" in text


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"a\nb\n")
    path.chmod(0o640)
    verdict = failed(Place("a.py", 1), "x", fix="y", edits=(edit(1, 0, 2, 0, ""),))
    done, troubles = fix(tmp_path, [verdict, verdict])
    assert ([one.path for one in done], troubles) == (["a.py"], [])
    assert path.read_bytes() == b"b\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_suppressed_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a\n")
    verdict = failed(None, "x", fix="y", edits=(edit(1, 0, 2, 0, ""),))
    state = State.SUPPRESSED
    assert fix(tmp_path, [type(verdict)(state=state, text="x", edits=verdict.edits)]) == ([], [])


def test_what_cannot_be_changed_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xff")
    (tmp_path / "b.py").symlink_to("/etc/passwd")
    verdicts = [
        failed(None, "x", fix="y", edits=(edit(1, 0, 1, 1, ""),)),
        failed(None, "x", fix="y", edits=(Edit(Place("b.py", 1, 0, 1, 1), ""),)),
    ]
    done, troubles = fix(tmp_path, verdicts)
    assert done == []
    assert [one.partition(":")[0] for one in troubles] == ["a.py", "b.py"]
    assert (tmp_path / "a.py").read_bytes() == b"\xff"


@pytest.mark.parametrize("name", corpus.applications())
def test_a_fix_mends_what_it_says_and_harms_nothing(name: str, tmp_path: Path) -> None:
    root = corpus.prepare(name, tmp_path)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}
    project, report = corpus.look(root)
    mendable = {(one.check, one.place) for one in report.verdicts if one.edits}
    done, troubles = fix(project.root, report.verdicts)
    assert troubles == []
    after, again = corpus.look(root)
    left = [one for one in again.verdicts if one.edits and one.state in {State.FAIL, State.WARN}]
    assert [one for one in left if (one.check, one.place) in mendable] == []
    assert after.unread == project.unread
    states = {state: len([one for one in again.verdicts if one.state.value == state]) for state in ("fail", "warn")}
    for state, count in states.items():
        assert count <= len([one for one in report.verdicts if one.state.value == state])
    touched = {root / one.path for one in done}
    assert all(path.read_bytes() == old for path, old in before.items() if path not in touched)


def test_the_checks_that_can_be_mended_say_so() -> None:
    mended = set()
    for name in corpus.applications():
        for state in ("fail", "warn"):
            mended |= {one.split()[0] for one in corpus.expected(name)[state]}
    assert {one.id for one in BY_ID.values() if one.fixes} <= mended


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"node_modules", b"node_modules\n.env\n.env.local\n.env.production\n"),
        (b"a\r\nb", b"a\r\nb\r\n.env\r\n.env.local\r\n.env.production\r\n"),
        (b"", b".env\n.env.local\n.env.production\n"),
        (b"a\n\n", b"a\n\n.env\n.env.local\n.env.production\n"),
    ],
)
def test_what_is_added_stands_on_lines_of_its_own(old: bytes, new: bytes) -> None:
    edits = [Edit(Place(".gitignore"), f"{name}\n") for name in (".env", ".env.local", ".env.production")]
    assert changed(old, edits) == new


@pytest.mark.parametrize(
    ("path", "old", "edits"),
    [
        ("a.py", "t = f\"{'key'}\"\n", (edit(1, 7, 1, 12, 'os.environ["KEY'),)),
        ("a.py", "match q:\n    case 'key': pass\n", (edit(2, 9, 2, 14, 'os.environ["KEY"]'),)),
        ("a.ts", "const d = { 'key': 1 };\n", (edit(1, 12, 1, 17, "process.env.KEY"),)),
        ("a.tsx", 'const d = <A k="key" />;\n', (edit(1, 15, 1, 20, "process.env.KEY"),)),
        ("a.py", "a = 1\n\x0cb = 'key'\n", (edit(2, 4, 2, 9, "2"),)),
        ("a.ts", "const a = '\u2028';\nconst b = 'key';\n", (edit(2, 10, 2, 15, "2"),)),
    ],
)
def test_what_a_change_would_break_is_left_alone(path: str, old: str, edits: tuple[Edit, ...], tmp_path: Path) -> None:
    (tmp_path / path).write_bytes(old.encode())
    there = tuple(Edit(replace(one.place, path=path), one.text) for one in edits)
    done, troubles = fix(tmp_path, [failed(None, "x", fix="y", edits=there)])
    assert done == []
    assert len(troubles) == 1
    assert troubles[0].startswith(f"{path}: ")
    assert troubles[0].endswith(", so it was left as it is")
    assert (tmp_path / path).read_bytes() == old.encode()


def test_what_did_not_parse_before_may_be_changed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print 'a'\nb\n")
    done, troubles = fix(tmp_path, [failed(None, "x", fix="y", edits=(edit(2, 0, 3, 0, ""),))])
    assert ([one.path for one in done], troubles) == (["a.py"], [])
