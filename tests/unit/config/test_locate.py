"""Lines of keys: by hand for every form of TOML, and for generated texts against tomllib."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tidegate.config.locate import Path, lines_of


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("[t]\n\n# note\na.b = 1 # x = 2", ("t", "a", "b"), 4),
        ('["odd ] = key"]\n"a # b" = 1', ("odd ] = key", "a # b"), 2),
        ("[a . 'b.c' ]\nx = 1", ("a", "b.c", "x"), 2),
        ('"\\u0041" = 1', ("A",), 1),
        ('t = """\n[x]\ny = 1\n"""\nz = 1', ("z",), 5),
        ('t = """a\\"""" \nz = 1', ("z",), 2),
        ('t = """a"""""\nz = 1', ("z",), 2),
        ("t = '''\n'a' = 1''''\nz = 1", ("z",), 3),
        ("t = [\n  1, # [\n  [2,\n 3],\n]\nz = 1", ("z",), 6),
        ("t = [\n  1, # [\n  [2,\n 3],\n]", ("t", 1, 1), 4),
        ("t = [ # x\n  { a = 1 },\n  { a = 2 } ]", ("t", 1, "a"), 3),
        ("t = { a.b = 1, 'c' = { d = 2 } }", ("t", "c", "d"), 1),
        ("d = 2024-01-01 10:00:00\nz = 1", ("z",), 2),
        ("[[l]]\na = 1\n[[l]]\na = 2", ("l", 1, "a"), 4),
        ("[[l]]\n[l.w]\na = 1\n[[l]]\n[l.w]\na = 2", ("l", 1, "w", "a"), 6),
        ("[[l]]\n[[l.m]]\n[[l.m]]\n[[l]]\n[[l.m]]\na = 2", ("l", 1, "m", 0, "a"), 6),
        ("[a]\r\nb = 1\r\n".replace("\r", ""), ("a", "b"), 2),
    ],
)
def test_lines(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)
    assert lines_of(text)[path] == line


KEYS = st.sampled_from(["a", "b-2", '"c d"', "'e.f'", '"= 1"', "'[x]'", '"\\"q\\" #"', "9"])
ATOMS = st.sampled_from(
    [
        "1",
        "-2.5",
        "true",
        '"# no"',
        "'a = [1'",
        '"\\"]}"',
        '"""x\ny = 1\n[z]"""',
        "'''\n[a]\n'''",
        '""',
        "1979-05-27 07:32:00",
    ]
)
FILLERS = st.sampled_from(["", " # note = [", "  "])


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["atom", "array", "inline"] if depth else ["atom"]))
    if kind == "array":
        items = draw(st.lists(values(depth - 1), max_size=3))
        return "[\n" + "".join(f"{item},{draw(FILLERS)}\n" for item in items) + "]"
    if kind == "inline":
        names = draw(st.lists(KEYS, max_size=3, unique=True))
        pairs = [f"{name} = {draw(values(0))}" for name in names]
        return "{ " + ", ".join(pairs) + " }"
    return draw(ATOMS)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Tables and arrays of tables with different names, so that the text is valid whatever is in them."""
    text = ""
    for number in range(draw(st.integers(0, 5))):
        name = f"t{number}"
        head = draw(
            st.sampled_from([f"[{name}]", f"[{name}.sub]", f"[[{name}]]", f"[[{name}]]\n[[{name}]]", f"[ '{name}' ]"])
        )
        text += f"{head}{draw(FILLERS)}\n"
        for key in draw(st.lists(KEYS, max_size=4, unique=True)):
            dotted = f"{key}.{draw(KEYS)}" if draw(st.booleans()) else key
            text += f"{dotted} = {draw(values())}{draw(FILLERS)}\n"
    return text


def paths(tree: object, path: Path = ()) -> Iterator[Path]:
    items: list[tuple[str | int, object]] = []
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))
    for name, inner in items:
        yield (*path, name)
        yield from paths(inner, (*path, name))


@profile(deadline=None)
@given(documents())
def test_exactly_the_paths_of_tomllib_have_a_line(text: str) -> None:
    lines = lines_of(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@profile(deadline=None)
@given(documents(), st.integers(0, 5))
def test_lines_above_move_every_line(text: str, blank: int) -> None:
    moved = lines_of("# x = 1\n" * blank + text)
    assert moved == {path: line + blank for path, line in lines_of(text).items()}
