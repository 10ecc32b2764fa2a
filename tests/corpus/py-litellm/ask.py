import litellm

MODEL = "anthropic/claude-haiku-4-5"


def ask(question):
    reply = litellm.completion(
        model=MODEL, max_tokens=300, timeout=30, messages=[{"role": "user", "content": question}]
    )
    return reply.choices[0].message.content, reply.usage
