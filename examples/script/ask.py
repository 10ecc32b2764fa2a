"""Ask Claude in a terminal, one question a line: `python ask.py`, or `python ask.py --whole < questions.txt`."""

import getpass
import logging
import os
import sys

import anthropic

import tidegate
from tidegate.frameworks import explain, of_a_call, text_of

# The key comes from ANTHROPIC_API_KEY; limits, budgets and retries come from tidegate.toml.
claude = tidegate.guard(anthropic.Anthropic(timeout=float(os.environ.get("CLAUDE_TIMEOUT", "60"))))


def ask(question: str) -> None:
    """Print the answer, all at once."""
    messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": question}]
    print(text_of(claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=messages)))


def ask_streamed(question: str) -> None:
    """Print the answer while it is being written."""
    messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": question}]
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=512, messages=messages) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
        print()
        text_of(stream.get_final_message())  # says so where the model has declined


@tidegate.caller(user=getpass.getuser(), route="ask")
def main() -> None:
    """Answer until there are no more questions; one that fails does not end it."""
    logging.basicConfig(filename="ask.log", level=logging.INFO)  # who, tokens, cost; never what was said
    answer = ask if "--whole" in sys.argv[1:] else ask_streamed
    for line in sys.stdin:
        try:
            answer(line.strip())
        except Exception as error:
            if not of_a_call(error):
                raise  # a mistake in this file
            shown = explain(error)
            print(f"\n{shown.title}. {shown.text} (reference {shown.reference})")


if __name__ == "__main__":
    main()
