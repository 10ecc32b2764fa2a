"""The catalogue of texts: complete, friendly, and checked when it is read."""

import re
from importlib import resources
from typing import get_args

import pytest

from tidegate.model.refusal import Reason
from tidegate.model.texts import fill, parse_texts, span
from tidegate.model.usage import Outcome
from tidegate.policy.replies import RESETS_AT, RETRY_AFTER, UPSTREAM_TEXTS
from tidegate.policy.rules import ScopeName

EN = (resources.files("tidegate.model") / "texts" / "en.toml").read_bytes()
TEXTS = parse_texts(EN)


def test_every_reason_outcome_and_scope_has_a_text() -> None:
    messages = {name for name in TEXTS if "." not in name}
    assert messages == {*get_args(Reason), *get_args(Outcome), *UPSTREAM_TEXTS.values(), "upstream_error"} - {"ok"}
    scopes = {name.partition(".")[2] for name in TEXTS if name.startswith("scope.")}
    assert scopes == {*get_args(ScopeName), "address", "other"}


def test_placeholders_stand_where_they_can_be_filled() -> None:
    for name, text in TEXTS.items():
        used = set(re.findall(r"\{(.*?)\}", text))
        if not name.startswith("unit."):
            assert ("retry_after" in used) == (name in RETRY_AFTER), name
            assert "resets_at" not in used or name in RESETS_AT, name


def test_texts_are_for_people() -> None:
    for name, text in TEXTS.items():
        if "." not in name:
            assert re.fullmatch(r"[A-Z].*\.", text), name
            assert len(text) < 160, name
            assert not re.search(
                r"\b(HTTP|API|token|gateway|upstream|hold|budget|error|4\d\d|5\d\d)\b", text, re.IGNORECASE
            ), name


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "a moment"),
        (float("nan"), "a moment"),
        (float("inf"), "a moment"),
        (-5, "1 second"),
        (0, "1 second"),
        (1.2, "2 seconds"),
        (119, "119 seconds"),
        (119.5, "2 minutes"),
        (121, "3 minutes"),
        (7199, "120 minutes"),
        (7200, "2 hours"),
        (7201, "3 hours"),
    ],
)
def test_spans(seconds: float | None, words: str) -> None:
    assert span(TEXTS, seconds) == words


def test_fill() -> None:
    assert fill(TEXTS, "cut") == TEXTS["cut"]
    assert fill(TEXTS, "no such text") == ""
    assert fill(TEXTS, "budget_spent").endswith("at a later time.")


def test_names_that_nobody_looks_up() -> None:
    assert parse_texts(b"cut = 'x'\n[scope]\nuser = 'y'", TEXTS) == {"cut": "x", "scope.user": "y"}
    with pytest.raises(ValueError, match=r'^there is no text "budget_spend"; did you mean "budget_spent"\?$'):
        parse_texts(b"budget_spend = 'x'", TEXTS)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"cut = 3", "cut must be a text"),
        (b"cut = ' '", "cut must be a text"),
        (b"[a.b]\nc = 'x'", "a.b must be a text"),
        (b"[scope]\nuser = '{scop}'", "scope.user has the unknown placeholder {scop}"),
        (b"cut = ", "not a catalogue"),
        (b"\xff", "not a catalogue"),
    ],
)
def test_mistakes_are_named(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_texts(data)
