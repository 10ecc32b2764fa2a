"""From a message of the SDK to its text; what is no answer is an error like the others."""

from typing import Any, Literal

from tidegate.model.errors import TidegateError

Why = Literal["model_refusal", "cut", "upstream_error"]
"""Names of texts."""


class NoAnswer(TidegateError):  # noqa: N818 - what it reports, as `StoreDown` does
    """A call went through and brought no answer that could be shown."""

    def __init__(self, why: Why, reference: str | None = None) -> None:
        super().__init__(f"no answer: {why}")
        self.why: Why = why
        self.reference = reference
        """The request id of the reply."""


def text_of(message: Any) -> str:
    """The text of a message; raises NoAnswer where the model declined, or the reply was no message.

    It may be empty: a model that calls a tool, or has spent `max_tokens` on thinking, says nothing.
    """
    content = getattr(message, "content", None)
    reference = getattr(message, "_request_id", None)
    if not isinstance(content, list):
        raise NoAnswer("upstream_error", reference)
    if getattr(message, "stop_reason", None) == "refusal":
        raise NoAnswer("model_refusal", reference)
    return "".join(block.text or "" for block in content if getattr(block, "type", None) == "text")
