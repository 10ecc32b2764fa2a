import anthropic
import tidegate
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
client = tidegate.guard(anthropic.AsyncAnthropic())


@app.exception_handler(anthropic.APIError)
async def sorry(request: Request, error: anthropic.APIError):
    words = tidegate.friendly(error)
    return JSONResponse({"error": words.text}, status_code=words.status)


@app.post("/chat")
async def chat(request: Request):
    body = await request.json()
    with tidegate.caller(user=request.state.user_id, route="chat"):
        message = await client.messages.create(
            model="claude-haiku-4-5", max_tokens=body["size"], messages=body["messages"]
        )
    return {"text": message.content[0].text}
