import anthropic
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from limits import rate_limit

app = FastAPI()
client = anthropic.AsyncAnthropic(timeout=60)


@app.exception_handler(anthropic.APIError)
async def sorry(request, error):
    return JSONResponse({"error": "Please try again."}, status_code=503)


@app.post("/chat")
async def chat(request: Request, prompt: str):
    await rate_limit(request.state.user_id)
    message = await client.messages.create(
        model="claude-haiku-4-5",
        max_tokens=700,
        metadata={"user_id": request.state.user_id},
        messages=[{"role": "user", "content": prompt}],
    )
    return {"text": message.content[0].text, "tokens": message.usage.output_tokens}
