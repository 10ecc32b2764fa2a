"""The script as a real process: it answers line by line, whatever happens to one of them."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from examples.faults import ADDED_UP, FAULTS
from examples.running import ASKED, CANARIES, SAID, Example, fake_claude
from examples.talking import LATE_TITLES, RAW, TITLES, check_words

LIMITS = '[{per = "user", requests = "1000/minute"}]'
ERROR = re.compile(r"(.+?)\. (.+) \(reference (req_\w+)\)")


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with fake_claude() as fake:
        yield Example("script", tmp_path_factory.mktemp("script"), fake)


def ask(example: Example, faults: list[str], *, stream: bool) -> dict[str, str]:
    """What one process prints for each fault; after each it answers a good question."""
    lines = [f"{ASKED} [[fake: {orders}]]\n[[fake: say=Over{number}]]\n" for number, orders in enumerate(faults)]
    done = example.run(["python", "ask.py", *([] if stream else ["--whole"])], input="".join(lines))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not [raw for raw in RAW if raw in done.stdout]
    shown: dict[str, str] = {}
    rest = done.stdout
    for number, orders in enumerate(faults):
        before, over, rest = rest.partition(f"Over{number}\n")
        assert over, (orders, done.stdout)
        shown[orders] = before.strip()
    return shown


def check(example: Example, orders: str, shown: str, *, stream: bool) -> bool:
    """Whether it is as it must be; False where a busy machine has let the time-out strike what is not late."""
    expected = ADDED_UP.get(orders, 0) * stream or FAULTS[orders][stream]
    last = shown.rpartition("\n")[2]
    error = ERROR.fullmatch(last)
    if error is None:
        assert expected == 200, (orders, shown)
        assert "huge" in orders or not last or SAID in last, (orders, shown)
        return True
    title, text, reference = error.groups()
    assert title in TITLES
    check_words(text, reference)
    assert reference.removeprefix("req_") in example.log()
    assert expected != 200 or title in LATE_TITLES, (orders, shown)
    return expected != 200


def test_every_fault_is_shown_kindly_and_over(example: Example) -> None:
    example.environ |= {"TIDEGATE_LIMITS": LIMITS, "CLAUDE_TIMEOUT": "0.5"}

    def meet(stream: bool) -> None:
        faults = list(FAULTS)
        for _ in range(3):
            shown = ask(example, faults, stream=stream)
            faults = [orders for orders in faults if not check(example, orders, shown[orders], stream=stream)]
            if not faults:
                return
        raise AssertionError(faults)

    with ThreadPoolExecutor(2) as both:
        list(both.map(meet, (False, True)))
    example.books_agree()
    for path in (example.folder / "ask.log", example.folder / "tidegate.db"):
        assert not [canary for canary in CANARIES if canary.encode() in path.read_bytes()]


def test_a_mistake_in_the_program_is_not_hidden(example: Example) -> None:
    program = example.folder / "ask.py"
    program.write_text(program.read_text().replace("max_tokens=512", "max_tokens=undefined"))
    done = example.run(["python", "ask.py"], input="hello\n")
    assert done.returncode == 1
    assert "NameError" in done.stderr


def test_what_is_wrong_with_the_settings_is_said(example: Example) -> None:
    (example.folder / "tidegate.toml").write_text('[[limits]]\nper = "usr"\nrequests = "20/minute"\n')
    done = example.run(["python", "ask.py"], input="hello\n")
    assert done.returncode == 1
    assert "tidegate.toml" in done.stderr.splitlines()[-1]
