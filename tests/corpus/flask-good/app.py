import logging
import os

import anthropic
from flask import Flask, g, jsonify, request
from flask_limiter import Limiter

app = Flask(__name__)
limiter = Limiter(lambda: g.user_id, app=app, storage_uri=os.environ["REDIS_URL"], default_limits=["20/minute"])
log = logging.getLogger("usage")
client = anthropic.Anthropic(timeout=45)


@app.route("/ask", methods=["POST"])
def ask():
    prompt = request.json["prompt"]
    try:
        message = client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=512,
            metadata={"user_id": g.user_id},
            messages=[{"role": "user", "content": prompt}],
        )
    except anthropic.APIStatusError as error:
        log.warning("claude_call_error type=%s request_id=%s", error.type, error.request_id)
        return jsonify(error="The assistant is busy. Please try again in a minute."), 503
    except anthropic.APIConnectionError:
        return jsonify(error="The assistant cannot be reached now."), 503
    log.info("claude_call_success user=%s in=%s out=%s", g.user_id, message.usage.input_tokens, message.usage.output_tokens)
    return jsonify(text=message.content[0].text)
