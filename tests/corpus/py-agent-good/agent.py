import anthropic

MAX_TURNS = 20
client = anthropic.Anthropic(timeout=120)


def agent(task, tools, run_tool, record):
    messages = [{"role": "user", "content": task}]
    for _ in range(MAX_TURNS):
        response = client.messages.create(
            model="claude-opus-5-5",
            max_tokens=2048,
            system="You are a clerk.",
            tools=tools,
            messages=messages,
        )
        record(response.usage)
        if response.stop_reason != "tool_use":
            return response.content
        messages.append({"role": "assistant", "content": response.content})
        messages.append({"role": "user", "content": [run_tool(block) for block in response.content]})
    raise TimeoutError("the agent did not finish")


def chat(record):
    """A person writes each turn, so a person bounds it."""
    history = []
    while True:
        history.append({"role": "user", "content": input("> ")})
        turns = 0
        while True:
            answer = client.messages.create(model="claude-haiku-4-5", max_tokens=1024, messages=history)
            record(answer.usage)
            turns += 1
            if answer.stop_reason == "end_turn" or turns >= 5:
                break
        history.append({"role": "assistant", "content": answer.content})
        print(answer.content[0].text)
