"""Summaries in the background with Celery: a limit for each user, errors that people can read, workers that fork."""

import logging
import os
from pathlib import Path

import anthropic
from celery import Celery

import tidegate
from tidegate.frameworks import explain, of_a_call, text_of

app = Celery("tasks", broker=os.environ.get("BROKER_URL", "filesystem://"), backend=os.environ.get("RESULT_URL"))
if app.conf.broker_url == "filesystem://":  # to try it on one machine; for more take Redis or RabbitMQ
    folders = {name: Path("queue", name).resolve() for name in ("tasks", "control", "results")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    app.conf.update(
        result_backend=f"file://{folders['results']}",
        broker_transport_options={
            "data_folder_in": folders["tasks"],
            "data_folder_out": folders["tasks"],
            "control_folder": folders["control"],
            "polling_interval": 0.1,
        },
    )

# Celery would write what a task returns into its log: answers have no place there.
logging.getLogger("celery.app.trace").setLevel(logging.WARNING)

# Made once, before Celery forks its workers: each of them opens its own connections and its own ledger file.
# The key comes from ANTHROPIC_API_KEY; limits, budgets and retries come from tidegate.toml.
claude = tidegate.guard(anthropic.Anthropic(timeout=float(os.environ.get("CLAUDE_TIMEOUT", "60"))))


def order(text: str) -> list[anthropic.types.MessageParam]:
    """What Claude is asked."""
    return [{"role": "user", "content": f"Summarise this in under 300 words:\n\n{text}"}]


def sorry(error: Exception) -> dict[str, object]:
    """What the user is told in place of a summary: a result of the task, for what Celery logs may quote the text."""
    if not of_a_call(error):
        raise error  # a mistake in this file
    shown = explain(error)
    return {"error": {"text": shown.text, "reference": shown.reference, "retry_after": shown.retry_after}}


@app.task
def summarise(text: str, user: str) -> dict[str, object]:
    """A summary for this user."""
    try:
        with tidegate.caller(user=user, route="summarise"):
            message = claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=order(text))
        return {"text": text_of(message)}
    except Exception as error:  # noqa: BLE001 - whatever a call raises, the user reads a sentence
        return sorry(error)


@app.task
def summarise_streamed(text: str, user: str) -> dict[str, object]:
    """The same as a stream: for long answers, which no time-out of a silent connection can strike."""
    try:
        with (
            tidegate.caller(user=user, route="summarise"),
            claude.messages.stream(model="claude-haiku-4-5", max_tokens=512, messages=order(text)) as stream,
        ):
            return {"text": text_of(stream.get_final_message())}
    except Exception as error:  # noqa: BLE001 - as above
        return sorry(error)
