"""One idea a file, one step a function."""

from architecture.sources import functions, modules, name

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50


def test_no_file_is_long() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {file: lines for file, lines in lengths.items() if lines > LINES_OF_A_FILE} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{name(path)}: {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in modules()
        for function in functions(path)
    }
    assert {function: lines for function, lines in lengths.items() if lines > LINES_OF_A_FUNCTION} == {}
