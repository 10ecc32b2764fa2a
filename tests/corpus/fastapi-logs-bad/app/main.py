import logging
import logging.config

import anthropic
from fastapi import Depends, FastAPI, HTTPException
from slowapi import Limiter

from app.claude import ask
from app.users import user_id

logging.config.dictConfig({"version": 1, "loggers": {"anthropic": {"level": "DEBUG"}}})
logging.basicConfig(level="DEBUG")
log = logging.getLogger(__name__)
app = FastAPI()
limiter = Limiter(key_func=lambda request: request.state.user_id, storage_uri="redis://redis")


@app.post("/ask")
@limiter.limit("10/minute")
def answer(question: dict[str, str], user: str = Depends(user_id)) -> dict[str, object]:
    log.info("%s asks %s", user, question["text"])
    try:
        found = ask(question["text"], user)
    except anthropic.APIError:
        log.exception("no answer for %s", user)
        raise HTTPException(503, "Please try again in a minute.") from None
    log.info("%s tokens", found["tokens"])
    print(found["text"])
    return found
