import os
import time

import anthropic
import backoff
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from elsewhere import choose, is_transient, limits, pauses

client = anthropic.Anthropic(timeout=limits.timeout, max_retries=limits.retries, base_url=choose("address"))


def computed(question):
    return client.messages.create(
        model=choose("model"),
        max_tokens=choose("size"),
        messages=[{"role": "user", "content": question}],
        stream=choose("stream"),
    )


def handed(service, **options):
    return service.messages.create(messages=[], model=os.environ["MODEL"], **options)


def large(question):
    return client.messages.create(
        model="claude-next",
        max_tokens=32_000,
        temperature=0.5,
        stream=choose("stream"),
        messages=[{"role": "user", "content": question}],
    )


@retry(retry=retry_if_exception(is_transient), wait=pauses(), stop=stop_after_attempt(3))
def judged(question):
    return computed(question)


@backoff.on_exception(backoff.expo, anthropic.APIStatusError, giveup=is_transient, max_tries=4)
def given_up(question):
    return computed(question)


def thinking(messages):
    messages = messages[-10:]
    return client.messages.create(
        model=choose("model"), max_tokens=4000, thinking={"type": "adaptive"}, messages=messages
    )


def browse(**options):
    return client.beta.messages.tool_runner(**options)
