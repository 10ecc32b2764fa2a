import anthropic

from assistant.models import Usage

claude = anthropic.Anthropic(timeout=60, max_retries=4)


class Busy(Exception):
    words = "The assistant is busy. Please try again in a minute."


def answer(prompt, user):
    try:
        response = claude.messages.create(
            model="claude-haiku-4-5",
            max_tokens=800,
            temperature=0.3,
            metadata={"user_id": user.opaque_id},
            messages=[{"role": "user", "content": prompt}],
        )
    except anthropic.APIError as error:
        raise Busy from error
    Usage.objects.create(user=user, output_tokens=response.usage.output_tokens)
    return response.content[0].text
