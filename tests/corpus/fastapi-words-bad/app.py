import logging

import anthropic
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
client = anthropic.Anthropic(timeout=30)
log = logging.getLogger(__name__)
RATE_LIMIT_ENABLED = False


class AnswerError(Exception):
    pass


def log_rate_limit_headers(headers):
    log.info("%d headers", len(headers))


def ask(question, attempt=0):
    try:
        raw = client.messages.with_raw_response.create(
            model="claude-haiku-4-5", max_tokens=500, messages=[{"role": "user", "content": question}]
        )
    except anthropic.RateLimitError:
        return ask(question, attempt + 1)
    except anthropic.APIError as error:
        raise AnswerError(f"Claude failed: {error}") from error
    log_rate_limit_headers(raw.headers)
    message = raw.parse()
    log.info("usage %s", message.usage)
    return message.content[0].text


@app.post("/ask")
def answer(question: str):
    result = {"ok": True}
    if RATE_LIMIT_ENABLED:
        log.debug("limited")
    try:
        result["text"] = ask(question)
    except Exception as error:
        result["error"] = str(error)
    return result


@app.exception_handler(AnswerError)
def sorry(request: Request, error: AnswerError):
    return JSONResponse({"detail": str(error)}, status_code=502)
