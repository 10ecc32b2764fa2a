"""A chat on FastAPI: whole and streamed answers, a limit for each user, errors that people can read."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anthropic
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.middleware.sessions import SessionMiddleware

import tidegate
from tidegate.frameworks.starlette import TidegateMiddleware, relay, text_of

logging.basicConfig(level=logging.INFO)  # one line for each call: who, tokens, cost; never what was said

# The key comes from ANTHROPIC_API_KEY; limits, budgets and retries come from tidegate.toml.
claude = tidegate.guard(anthropic.AsyncAnthropic(timeout=float(os.environ.get("CLAUDE_TIMEOUT", "60"))))


def user_of(request: Request) -> str | None:
    """Who asks: whoever is signed in."""
    user: str | None = request.session.get("user")
    return user


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await claude.close()


app = FastAPI(lifespan=lifespan)
app.add_middleware(TidegateMiddleware, user=user_of)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"])  # added later, so it comes first


class Name(BaseModel):
    """What somebody signs in with."""

    name: str = Field(min_length=1, max_length=100)


class Question(BaseModel):
    """What somebody asks."""

    text: str = Field(min_length=1, max_length=4_000)

    @property
    def messages(self) -> list[anthropic.types.MessageParam]:
        """As the API takes it."""
        return [{"role": "user", "content": self.text}]


@app.get("/")
async def page() -> FileResponse:
    """The chat."""
    return FileResponse("index.html")


@app.post("/sign-in", status_code=204)
async def sign_in(name: Name, request: Request) -> None:
    """Stands for your own way to sign people in; the cookie is signed, so nobody can be somebody else."""
    request.session["user"] = name.name


@app.post("/chat")
@tidegate.caller(route="chat")
async def chat(question: Question) -> dict[str, str]:
    """The whole answer at once."""
    message = await claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=question.messages)
    return {"text": text_of(message)}


@app.post("/chat/stream")
@tidegate.caller(route="chat")
async def chat_stream(question: Question) -> StreamingResponse:
    """The answer while it is being written."""
    stream = await claude.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=question.messages, stream=True
    )
    return relay(stream)
