import anthropic

client = anthropic.Anthropic(timeout=60)


def ask(question):
    reply = client.messages.create(
        model="claude-haiku-4-5", max_tokens=256, messages=[{"role": "user", "content": question}]
    )
    return reply.content[0].text, reply.usage
