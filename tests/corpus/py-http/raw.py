import os

import requests

URL = "https://api.anthropic.com/v1/messages"
HEADERS = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"}


def bad(question):
    reply = requests.post(URL, headers=HEADERS, json={
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": question}],
    })
    return reply.json()["content"][0]["text"]


def better(question):
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 512,
        "messages": [{"role": "user", "content": question}],
    }
    reply = requests.post(URL, headers=HEADERS, json=body, timeout=60)
    return reply.json()["usage"]
