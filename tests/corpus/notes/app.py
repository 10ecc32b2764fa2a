import anthropic

client = anthropic.Anthropic()  # tidegate: allow[TG902] until 2027-03-01: a batch at night; nobody waits


def write_book(outline):
    message = client.messages.create(
        model="claude-opus-5",
        # tidegate: allow[TG502] until 2027-03-01: whole chapters are written
        max_tokens=20_000,
        messages=[{"role": "user", "content": outline}],
    )
    print(message.usage)
    return message


def ignored_here(outline):
    # tidegate: allow[TG502]
    return client.messages.create(
        model="claude-opus-5", max_tokens=20_001, messages=[{"role": "user", "content": outline}]
    ).usage


def late(outline):
    return client.messages.create(
        model="claude-opus-5",
        max_tokens=20_002,  # tidegate: allow[TG502] until 2026-01-31: until the new model is there
        messages=[{"role": "user", "content": outline}],
    ).usage
