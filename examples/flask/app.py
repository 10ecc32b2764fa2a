"""Summaries on Flask: a form, a JSON API and a stream, a limit for each user, errors that people can read."""

import logging
import os

import anthropic
from flask import Flask, Request, Response, abort, jsonify, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

import tidegate
from tidegate.frameworks.flask import install, relay, text_of

logging.basicConfig(level=logging.INFO)  # one line for each call: who, tokens, cost; never what was said

# The key comes from ANTHROPIC_API_KEY; limits, budgets and retries come from tidegate.toml.
claude = tidegate.guard(anthropic.Anthropic(timeout=float(os.environ.get("CLAUDE_TIMEOUT", "60"))))


def user_of(_: Request) -> str | None:
    """Who asks: whoever is signed in."""
    return session.get("user")


app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ["SESSION_SECRET"], SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=100_000)
install(app, user=user_of)


def posted() -> str:
    """The text that was posted, by the form or as JSON."""
    data = request.get_json() if request.is_json else request.form
    text = data.get("text") if hasattr(data, "get") else None
    if not isinstance(text, str) or not text:
        abort(400)
    return text


def order(text: str) -> list[anthropic.types.MessageParam]:
    """What Claude is asked."""
    return [{"role": "user", "content": f"Summarise this in under 300 words:\n\n{text}"}]


@app.get("/")
def page() -> str:
    """The form."""
    return render_template("page.html", user=session.get("user"))


@app.post("/sign-in")
def sign_in() -> AnyResponse:
    """Stands for your own way to sign people in; the cookie is signed, so nobody can be somebody else."""
    session["user"] = request.form["name"]
    return redirect("/")


@app.post("/")
@tidegate.caller(route="summarise")
def summary_page() -> str:
    """The summary as a page; an error is a page, too."""
    text = posted()
    message = claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=order(text))
    return render_template("page.html", user=session.get("user"), text=text, summary=text_of(message))


@app.post("/api/summary")
@tidegate.caller(route="summarise")
def summary() -> Response:
    """The summary as JSON."""
    message = claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=order(posted()))
    return jsonify(text=text_of(message))


@app.post("/api/summary/stream")
@tidegate.caller(route="summarise")
def summary_stream() -> Response:
    """The summary while it is being written."""
    return relay(
        claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=order(posted()), stream=True)
    )
