"""Summarise a file: `python summarise.py notes.txt`."""

import logging
import sys

import anthropic

from settings import MAX_TOKENS, MODEL

log = logging.getLogger(__name__)
client = anthropic.Anthropic(timeout=60.0, max_retries=4)


def summarise(text: str) -> str:
    response = client.messages.create(
        model=MODEL,
        max_tokens=MAX_TOKENS,
        messages=[{"role": "user", "content": f"Summarise:\n\n{text}"}],
    )
    log.info("claude_call_success model=%s tokens=%s", response.model, response.usage.output_tokens)
    return response.content[0].text


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(summarise(file.read()))
