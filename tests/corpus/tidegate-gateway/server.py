from anthropic import Anthropic
from flask import Flask, g, jsonify, request

app = Flask(__name__)
client = Anthropic(timeout=90)


@app.route("/ask", methods=["POST"])
def ask():
    try:
        message = client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=600,
            messages=[{"role": "user", "content": request.json["prompt"]}],
            extra_headers={"x-tidegate-user": g.user_id},
        )
    except Exception:
        return jsonify(error="Please try again in a minute."), 503
    return jsonify(text=message.content[0].text)
