import os

import anthropic
from dotenv import load_dotenv
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from slowapi import Limiter

from app.claude import Claude
from app.users import User, current_user

load_dotenv()
limiter = Limiter(key_func=lambda request: request.state.user_id, storage_uri=os.environ["REDIS_URL"])
app = FastAPI()
claude = Claude()


@app.exception_handler(anthropic.APIError)
async def sorry(request: Request, error: anthropic.APIError):
    return JSONResponse({"error": "Please try again in a minute."}, status_code=503)


@app.post("/chat")
@limiter.limit("20/minute")
async def chat(request: Request, text: str, user: User = Depends(current_user)):
    return {"answer": await claude.ask(text, user.opaque_id)}
