import traceback

import anthropic
from flask import Flask, jsonify, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

app = Flask(__name__)
limiter = Limiter(get_remote_address, app=app)
client = anthropic.Anthropic()


@app.route("/ask", methods=["POST"])
@limiter.limit("10/minute")
def ask():
    prompt = request.json["prompt"]
    try:
        message = client.messages.create(
            model="claude-sonnet-4-5", max_tokens=1024, messages=[{"role": "user", "content": prompt}]
        )
    except anthropic.APIError as error:
        app.logger.exception("failed for %s", prompt)
        return jsonify(error=error.message), 502
    return jsonify(text=message.content[0].text)


@app.route("/retry", methods=["POST"])
def again():
    prompt = request.json["prompt"]
    message = client.messages.create(
        model="claude-haiku-4-5", max_tokens=1024, messages=[{"role": "user", "content": prompt}]
    )
    app.logger.info("answer %s", message.content)
    return jsonify(text=message.content[0].text)


@app.errorhandler(500)
def failed(error):
    return jsonify(error="failed", trace=traceback.format_exc()), 500
