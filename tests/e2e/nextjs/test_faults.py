"""Whatever breaks, a person reads a sentence with a reference id, the application goes on, and no content is logged."""

import pytest

from e2e.nextjs.application import Answer
from e2e.nextjs.faults import QUICK, SILENT, Fault, each_way
from e2e.nextjs.sentences import is_friendly
from e2e.nextjs.stage import Stage, canary
from tidegate.fake import command

pytestmark = pytest.mark.slow


def name(fault: Fault) -> str:
    return f"{fault.route}-{'stream' if fault.stream else 'json'}-{fault.orders}"


@pytest.mark.parametrize("fault", each_way(QUICK), ids=name)
def test_a_fault(stage: Stage, fault: Fault) -> None:
    _suffer(stage, fault)


@pytest.mark.parametrize("fault", each_way(SILENT), ids=name)
def test_silence(hasty: Stage, fault: Fault) -> None:
    _suffer(hasty, fault)


def test_no_fault_was_forgotten() -> None:
    told = {order for orders in (*QUICK, *SILENT) for order in command.parse(orders)}
    assert told >= set(command.FAULTS) | {"output_tokens", "gzip", "retry_after", "should_retry"}


def _suffer(stage: Stage, fault: Fault) -> None:
    """Ask for trouble, look at what a person sees of it, then at everything that was written down."""
    user = stage.new_user()
    question, said = canary("Question"), canary("Upstream")
    order = f"{fault.orders}; message={said}" if "status" in fault.orders else fault.orders
    answer = user.ask(f"{question} [[fake: {order}]]", route=fault.route, stream=fault.stream)
    _look(fault, answer)
    assert said.encode() not in answer.raw
    if answer.failure is not None:
        line = stage.app.failures()[-1]
        assert (line["reference"], line["route"]) == (answer.reference, fault.route)
        assert line["status"] == answer.failure["status"]
        assert line["reason"] != "unexpected"
    after = user.ask(canary("After"), route=fault.route, stream=fault.stream)
    assert (after.status, bool(after.text), after.failure) == (200, True, None)
    written = stage.written()
    assert not [word for word in (question, said, stage.site.key, "CanaryAfter") if word.encode() in written]


def _look(fault: Fault, answer: Answer) -> None:
    seen = fault.seen if fault.seen != "lost" else "broken" if answer.pieces else "refused"
    assert (answer.status == 200) == (seen != "refused"), answer.raw
    assert (answer.failure is not None) == (seen in ("refused", "broken")), answer.raw
    assert bool(answer.pieces) == (seen in ("answer", "broken")) or seen == "note", answer.raw
    assert (answer.note is not None) == (seen == "note"), answer.raw
    assert answer.reference.startswith("req_"), "the gateway knows every one of these calls by its id"
    sentence = answer.failure["message"] if answer.failure else answer.note
    assert sentence is None or is_friendly(sentence), sentence
