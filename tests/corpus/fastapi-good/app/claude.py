import structlog
from anthropic import AsyncAnthropic

from app.config import settings

log = structlog.get_logger()


class Claude:
    def __init__(self):
        self.client = AsyncAnthropic(timeout=settings.timeout, max_retries=4)

    async def ask(self, text: str, user: str) -> str:
        response = await self.client.messages.create(
            model=settings.model,
            max_tokens=settings.max_tokens,
            metadata={"user_id": user},
            messages=[{"role": "user", "content": text}],
        )
        log.info("claude_call_success", user_id=user, model=response.model, length=len(text),
                 input_tokens=response.usage.input_tokens, output_tokens=response.usage.output_tokens)
        return response.content[0].text
