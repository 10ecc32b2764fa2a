import anthropic
from fastapi import FastAPI, Request
from slowapi import Limiter

from plugins import key_of, load_routes, storage

app = FastAPI()
limiter = Limiter(key_func=key_of, storage_uri=storage())
load_routes(app, anthropic.Anthropic(timeout=60))


@app.post("/chat")
@limiter.limit("5/minute")
async def chat(request: Request):
    return await request.app.state.assistant(request)
