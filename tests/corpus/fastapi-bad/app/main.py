import logging

from dotenv import load_dotenv
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app.claude import ask, stream

load_dotenv(override=True)
logging.getLogger("anthropic").setLevel(logging.DEBUG)
app = FastAPI()


class Question(BaseModel):
    text: str


@app.post("/chat")
async def chat(question: Question):
    try:
        return {"answer": await ask(question.text)}
    except Exception as error:
        raise HTTPException(status_code=500, detail=str(error))


@app.post("/draft")
async def draft(question: Question):
    return {"answer": await ask(question.text)}


@app.post("/stream")
async def streamed(question: Question, request: Request):
    async def events():
        try:
            async for piece in stream(question.text):
                yield piece
        except Exception as error:
            yield f"data: {error}\n\n"

    return StreamingResponse(events())


@app.get("/healthz")
def health():
    return "ok"
