import asyncio
import os
from functools import partial

import anthropic
from openai import OpenAI

client = anthropic.Anthropic(timeout=30)
other = OpenAI(api_key=os.environ["ANTHROPIC_API_KEY"], base_url="https://api.anthropic.com/v1/")
make = client.messages.create


def seen(question):
    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=question)
    print(answer.usage)


def by_name(question):
    return make(model="claude-haiku-4-5", max_tokens=500, messages=question).usage


def in_part(question):
    ask = partial(client.messages.create, model="claude-haiku-4-5", max_tokens=500)
    return ask(messages=question).usage


async def in_thread(question):
    answer = await asyncio.to_thread(
        client.messages.create, model="claude-haiku-4-5", max_tokens=500, messages=question
    )
    print(answer.usage)


def batch(requests):
    return client.messages.batches.create(requests=requests)


def pooled(pool, question):
    return pool.submit(client.messages.create, model="claude-3-haiku-20240307", max_tokens=64_000, messages=question)


def compatible(question):
    return other.chat.completions.create(model="claude-3-opus-20240229", messages=question).choices


def two(question):
    kind = client.messages.create(model="claude-haiku-4-5", max_tokens=5, messages=question).content[0].text
    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=question)
    print(answer.usage.output_tokens)
    return kind, answer.content[0].text
