from typing import Any

from tidegate.fake.binding import broken_binding, checks_binding, signature
from tidegate.fake.models import MODELS

HI: dict[str, Any] = {"role": "user", "content": "Hi"}


def turns(body: dict[str, Any]) -> dict[str, Any]:
    thought = {"type": "thinking", "thinking": "", "signature": signature(body)}
    answer = {"role": "assistant", "content": [thought, {"type": "text", "text": "Ho"}]}
    return {**body, "messages": [*body["messages"], answer, HI]}


def test_an_unchanged_conversation_passes() -> None:
    assert broken_binding(turns(turns({"messages": [HI], "system": "s"}))) is None


def test_changes_before_the_block_are_found() -> None:
    body = turns({"messages": [HI], "system": "s", "tools": [{"name": "a"}, {"name": "b"}]})
    for changed in (
        {**body, "system": "t"},
        {**body, "tools": body["tools"][::-1]},
        {**body, "messages": [{**HI, "content": "Hi!"}, *body["messages"][1:]]},
    ):
        assert (broken_binding(changed) or "").startswith("messages.1.content.0: Invalid `signature`")


def test_cache_marks_and_later_messages_are_free_to_change() -> None:
    system = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    body = turns({"messages": [HI], "system": system})
    body = {**body, "system": [{"type": "text", "text": "s"}], "messages": [*body["messages"], HI]}
    assert broken_binding(body) is None


def test_foreign_signatures_are_left_alone() -> None:
    thought = {"type": "thinking", "thinking": "", "signature": "EqQBCgIYAhIM"}
    assert broken_binding({"messages": [HI, {"role": "assistant", "content": [thought]}]}) is None


def test_only_new_models_check() -> None:
    checking = {model.id for model in MODELS.values() if checks_binding(model)}
    assert checking == {
        f"claude-{name}"
        for name in ("fable-5-2", "mythos-5-2", "fable-5-1", "mythos-5-1", "opus-5-5", "sonnet-5-5", "haiku-5-5")
    }
