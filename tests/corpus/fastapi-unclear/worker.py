import anthropic

client = anthropic.Anthropic(timeout=60)


def answer(messages):
    return client.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=messages)
