import logging

from anthropic import AsyncAnthropic

logger = logging.getLogger(__name__)
client = AsyncAnthropic(base_url="http://localhost:8787")


async def ask(text: str) -> str:
    logger.info("asking %s", text)
    messages = [{"role": "user", "content": text}]
    response = await client.messages.create(model="claude-haiku-4-5", max_tokens=20_000, messages=messages)
    answer = response.content[0].text
    logger.debug(f"answer: {answer}")
    return answer


async def stream(text: str):
    async with client.messages.stream(
        model="claude-haiku-4-5", max_tokens=1024, messages=[{"role": "user", "content": text}]
    ) as events:
        async for piece in events.text_stream:
            print(piece)
            yield piece
