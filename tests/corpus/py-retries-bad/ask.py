import time

import anthropic
import backoff
from tenacity import retry, stop_after_attempt, wait_fixed

client = anthropic.Anthropic(timeout=30)
once = anthropic.Anthropic(timeout=30, max_retries=0)


@retry
def forever(question):
    return client.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
    ).usage


@retry(wait=wait_fixed(2), stop=stop_after_attempt(3))
def through(question):
    return forever(question)


@backoff.on_exception(backoff.constant, anthropic.APIError, max_tries=3)
def constant(question):
    return once.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
    ).usage


def own(question):
    while True:
        try:
            return once.messages.create(
                model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
            ).usage
        except Exception:
            time.sleep(1)


def hasty(question):
    for attempt in range(5):
        try:
            return once.messages.create(
                model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
            ).usage
        except anthropic.APIStatusError as error:
            if error.status_code in (400, 401, 429):
                continue
            raise


def single(question):
    return once.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
    ).usage
