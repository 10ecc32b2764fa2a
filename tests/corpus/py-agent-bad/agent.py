from datetime import datetime

import anthropic

from tools import TOOLS, run_tool

client = anthropic.Anthropic(timeout=120)


def agent(task):
    messages = [{"role": "user", "content": task}]
    while True:
        response = client.messages.create(
            model="claude-opus-5-5",
            max_tokens=2048,
            system=f"You are a clerk. It is {datetime.now()}.",
            tools=TOOLS,
            messages=messages,
        )
        print(response.usage)
        messages.append({"role": "assistant", "content": response.content})
        if response.stop_reason != "tool_use":
            return response
        messages.append({"role": "user", "content": [run_tool(block) for block in response.content]})
        messages = messages[-20:]


def polish(text):
    answer = None
    while answer is None or answer.stop_reason == "pause_turn":
        answer = client.messages.create(
            model="claude-haiku-4-5", max_tokens=800, messages=[{"role": "user", "content": text}]
        )
    return answer.content, answer.usage


def browse(task):
    runner = client.beta.messages.tool_runner(
        model="claude-haiku-4-5", max_tokens=800, tools=TOOLS, messages=[{"role": "user", "content": task}]
    )
    return [message.usage for message in runner]
