import anthropic

client = anthropic.Anthropic(timeout=30)


def ask(prompt: str, user: str) -> dict[str, object]:
    message = client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=500,
        metadata={"user_id": user},
        messages=[{"role": "user", "content": prompt}],
    )
    return {"text": message.content[0].text, "tokens": message.usage.output_tokens}
