from anthropic import AsyncAnthropic
from slowapi import Limiter
from slowapi.util import get_remote_address


def build():
    client = AsyncAnthropic(timeout=30.0)
    limiter = Limiter(key_func=get_remote_address)
    return client, limiter


client, limiter = build()
