import logging
import os

import anthropic
from flask import Flask, g, jsonify, request
from flask_limiter import Limiter
from flask_login import LoginManager, current_user, login_required

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
login_manager = LoginManager(app)
limiter = Limiter(key_func=lambda: str(current_user.id), app=app, storage_uri=os.environ["REDIS_URL"])
client = anthropic.Anthropic(timeout=45.0, max_retries=3)

SYSTEM = "You help customers of a bicycle shop."


@app.post("/support")
@login_required
@limiter.limit("10/minute")
def support():
    question = request.get_json()["question"]
    try:
        raw = client.messages.with_raw_response.create(
            model="claude-haiku-4-5",
            max_tokens=600,
            system=SYSTEM,
            metadata={"user_id": str(current_user.id)},
            messages=[{"role": "user", "content": question}],
        )
    except anthropic.APIError as error:
        log.warning("claude failed: %s %s", type(error).__name__, getattr(error, "status_code", None))
        return jsonify(error="The assistant is busy. Please try again in a minute."), 503
    log.info("requests left: %s, id %s", raw.headers.get("anthropic-ratelimit-requests-remaining"), raw.request_id)
    message = raw.parse()
    log.info("tokens in=%d out=%d", message.usage.input_tokens, message.usage.output_tokens)
    return jsonify(answer=message.content[0].text)
