from anthropic import Anthropic

claude = Anthropic(max_retries=0, timeout=900)


def answer(prompt):
    try:
        response = claude.messages.create(
            model="claude-opus-4-1", max_tokens=32_000, messages=[{"role": "user", "content": prompt}]
        )
    except Exception as error:
        return f"Error from Claude: {error}"
    return response.content[0].text
