import logging

from anthropic import APIStatusError
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from slowapi.middleware import SlowAPIMiddleware

from app.deps import client, limiter

logger = logging.getLogger("uvicorn.error")
app = FastAPI()
app.state.limiter = limiter
app.add_middleware(SlowAPIMiddleware)


class Ask(BaseModel):
    text: str
    user_id: str


async def ask_claude(text: str, user_id: str):
    message = await client.messages.create(
        model="claude-sonnet-5",
        max_tokens=1024,
        metadata={"user_id": user_id},
        messages=[{"role": "user", "content": text}],
    )
    return message.content[0].text, message.usage


@app.post("/ask")
async def ask(body: Ask):
    try:
        answer, usage = await ask_claude(body.text, body.user_id)
    except APIStatusError as e:
        raise HTTPException(status_code=502, detail=e.message)
    logger.info("usage %s", usage)
    logger.debug("answer: %s", answer)
    return {"answer": answer}
