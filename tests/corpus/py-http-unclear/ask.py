import os

import httpx

API = "https://api.anthropic.com"
session = httpx.Client(base_url=API, headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"]})


def ask(question):
    reply = session.post("/v1/messages", json={"model": "claude-3-haiku-20240307", "messages": question})
    return reply.json()["content"][0]["text"]
