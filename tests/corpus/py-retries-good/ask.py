import random
import time

import anthropic
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

client = anthropic.Anthropic(timeout=30, max_retries=0)
WORTH_IT = (anthropic.RateLimitError, anthropic.InternalServerError, anthropic.APIConnectionError)


@retry(
    retry=retry_if_exception_type(anthropic.RateLimitError) | retry_if_exception_type(anthropic.APIConnectionError),
    wait=wait_random_exponential(min=1, max=16),
    stop=stop_after_attempt(5),
)
def patient(question):
    return client.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
    ).usage


def own(question):
    for attempt in range(5):
        try:
            return client.messages.create(
                model="claude-haiku-4-5", max_tokens=512, messages=[{"role": "user", "content": question}]
            ).usage
        except anthropic.APIStatusError as error:
            if error.status_code < 500 and error.status_code != 429:
                raise
            time.sleep(2**attempt * random.uniform(0.75, 1))


def many(documents):
    """One after the other, each once: no retry, whatever is caught."""
    found = []
    for document in documents:
        try:
            found.append(patient(document))
        except anthropic.APIError:
            continue
    return found
