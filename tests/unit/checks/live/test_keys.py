import pytest

from tidegate.checks.live.keys import fitting, masked, named, part_of_own, short, visible_part
from unit.checks.live.organization import key, text


def hint(whole: str) -> str:
    return f"{whole[:16]}...{whole[-4:]}"


def test_a_key_is_told_by_its_parts() -> None:
    keys = [key(f"k{number}", hint=hint(text(number))) for number in range(40)]
    for number in range(40):
        assert fitting(keys, part_of_own({"ANTHROPIC_API_KEY": text(number)})) == [keys[number]]


def test_a_receipt_knows_less_and_mostly_enough() -> None:
    keys = [key(f"k{number}", hint=hint(text(number))) for number in range(5)]
    assert fitting(keys, visible_part(text(3))) == [keys[3]]


def test_keys_that_look_alike() -> None:
    one, two = key("one", hint="sk-ant-api03-aaa...xyAA"), key("two", hint="sk-ant-api03-bbb...xyAA")
    assert fitting([one, two], "sk-ant-api03-…xyAA") == [one, two]
    assert fitting([one, two], "sk-ant-api03-bbb...xyAA") == [two]


def test_a_living_key_comes_before_a_dead_one() -> None:
    dead, alive = key("dead", status="archived"), key("alive")
    assert fitting([dead, alive], alive.hint) == [alive]
    assert fitting([dead], dead.hint) == [dead]


@pytest.mark.parametrize("seen", ["sk-ant-api03-R2D...xxAA", "sk-ant-api04-…igAA", "sk-ant-api03-R2E...igAA", "AA"])
def test_what_does_not_fit(seen: str) -> None:
    assert fitting([key()], seen) == []


@pytest.mark.parametrize("said", ["", "hidden", "..."])
def test_a_hint_that_says_nothing_fits_nothing(said: str) -> None:
    assert fitting([key(hint=said)], "sk-ant-api03-R2D...igAA") == []


@pytest.mark.parametrize(
    "environ", [{}, {"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_API_KEY": "secret"}, {"ANTHROPIC_API_KEY": "sk-ant-api03-x"}]
)
def test_no_key_of_ones_own(environ: dict[str, str]) -> None:
    assert part_of_own(environ) == ""


def test_only_prefix_and_four_characters_are_shown() -> None:
    assert masked(key()) == "chat (sk-ant-api03-…igAA)"
    assert masked(key(hint="")) == "chat"
    whole = text(7)
    assert masked(key(hint=whole)) == f"chat (sk-ant-api03-…{whole[-4:]})"
    assert named([key("a"), key("b")], most=1) == "a (sk-ant-api03-…igAA) and 1 more"


def test_a_key_that_somebody_gave_as_a_name() -> None:
    assert short(f"prod {text(1)}") == "prod …"
    assert len(short("x" * 500)) == 61
