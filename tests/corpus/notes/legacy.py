import anthropic


def old(question):
    return anthropic.Anthropic(timeout=60).messages.create(
        model="claude-3-opus-20240229", max_tokens=300, messages=[{"role": "user", "content": question}]
    ).usage
