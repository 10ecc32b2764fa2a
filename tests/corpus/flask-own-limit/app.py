import functools
import logging
import time

import anthropic
import redis
from flask import Flask, g, jsonify, request

app = Flask(__name__)
client = anthropic.Anthropic(timeout=30, max_retries=4)
log = logging.getLogger(__name__)
counts = redis.Redis()


def limited(view):
    @functools.wraps(view)
    def inner(*args, **named):
        seen = counts.incr(f"asked:{g.user.id}:{int(time.time() // 60)}")
        if seen > 20:
            return jsonify(error="Please wait a minute."), 429
        return view(*args, **named)

    return inner


@app.post("/ask")
@limited
def ask():
    try:
        message = client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=500,
            metadata={"user_id": g.user.opaque},
            messages=[{"role": "user", "content": request.json["question"]}],
        )
    except anthropic.APIError as error:
        log.error("claude %s %s", type(error).__name__, error.request_id)
        return jsonify(error="Please try again later."), 503
    log.info("usage in=%d out=%d", message.usage.input_tokens, message.usage.output_tokens)
    return jsonify(text=message.content[0].text)
