import tidegate
from anthropic import Anthropic
from flask import Flask, jsonify, request

app = Flask(__name__)
direct = Anthropic(timeout=30)
guarded = tidegate.guard(Anthropic(timeout=30), limits=[{"per": "user", "requests": "5/minute"}])


@app.route("/one", methods=["POST"])
def one():
    try:
        message = direct.messages.create(
            model="claude-haiku-4-5", max_tokens=300, messages=[{"role": "user", "content": request.json["q"]}]
        )
    except Exception:
        return jsonify(error="Please try again."), 503
    return jsonify(text=message.content[0].text, tokens=message.usage.output_tokens)


@app.route("/two", methods=["POST"])
def two():
    try:
        message = guarded.messages.create(
            model="claude-haiku-4-5", max_tokens=300, messages=[{"role": "user", "content": request.json["q"]}]
        )
    except Exception:
        return jsonify(error="Please try again."), 503
    return jsonify(text=message.content[0].text)
