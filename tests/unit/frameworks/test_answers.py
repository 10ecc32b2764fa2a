"""From a message to its text, and what is no answer."""

from typing import Any

import pytest

from tidegate.frameworks import NoAnswer, text_of
from unit.frameworks.calls import HELLO, Scripted, answer, guarded
from unit.guard.scripted import message


def got(**changes: Any) -> Any:
    """What the SDK makes of a reply."""
    return guarded(Scripted(answer(body={**message(), **changes}))).messages.create(**HELLO)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "High."}], "High."),
        ([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "High."}], "High."),
        ([{"type": "text", "text": "High"}, {"type": "text", "text": " tide."}], "High tide."),
        ([{"type": "tool_use", "id": "t", "name": "n", "input": {}}], ""),
        ([{"type": "of the future"}], ""),
        ([], ""),
    ],
)
def test_text(content: list[dict[str, Any]], text: str) -> None:
    assert text_of(got(content=content)) == text


def test_a_model_that_declines() -> None:
    with pytest.raises(NoAnswer) as caught:
        text_of(got(stop_reason="refusal"))
    assert (caught.value.why, caught.value.reference) == ("model_refusal", "req_up")


@pytest.mark.parametrize("reply", [None, "text", [], 5, object()])
def test_what_is_no_message(reply: object) -> None:
    with pytest.raises(NoAnswer) as caught:
        text_of(reply)
    assert (caught.value.why, caught.value.reference) == ("upstream_error", None)
    assert str(caught.value) == "no answer: upstream_error"


def test_a_message_without_content() -> None:
    with pytest.raises(NoAnswer, match="no answer: upstream_error") as caught:
        text_of(got(content=None))
    assert caught.value.reference == "req_up"
