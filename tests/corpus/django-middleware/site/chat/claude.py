import logging

import anthropic

logger = logging.getLogger(__name__)
client = anthropic.Anthropic(timeout=anthropic.Timeout(60.0, connect=5.0))


class Unavailable(Exception):
    pass


def ask(prompt, user):
    try:
        message = client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=500,
            metadata={"user_id": f"u{user.pk}"},
            messages=[{"role": "user", "content": prompt}],
        )
    except anthropic.APIError as error:
        logger.warning("claude error %s", error.__class__.__name__)
        raise Unavailable from error
    logger.info("claude ok in=%s out=%s", message.usage.input_tokens, message.usage.output_tokens)
    return "".join(block.text for block in message.content if block.type == "text")
