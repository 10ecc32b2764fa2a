import os

from anthropic import Anthropic

KEY = os.getenv("ANTHROPIC_API_KEY", "{{KEY}}")
FALLBACK = os.environ.get("CLAUDE_TOKEN") or "changeme"

client = Anthropic(api_key="{{KEY2}}")
other = Anthropic(api_key=KEY, timeout=None)


def report(text):
    message = client.messages.create(
        model="claude-3-5-sonnet-20241022",
        max_tokens=64_000,
        temperature=0.2,
        messages=[{"role": "user", "content": text}],
    )
    return message.content[0].text


def second(text):
    return other.messages.create(
        model="claude-sonnet-4-5-20250929",
        messages=[
            {"role": "user", "content": text},
        ],
    ).content[0].text


def third(text):
    return other.with_options(timeout=20_000).messages.create(
        model="claude-opus-5-5",
        max_tokens=128_000,
        thinking={"type": "disabled"},
        tool_choice={"type": "tool", "name": "save"},
        messages=[{"role": "user", "content": text}, {"role": "assistant", "content": "{"}],
        stream=True,
    )
