import anthropic
from fastapi import Depends, FastAPI, HTTPException
from magic_agents import Agent

from limits import per_user

app = FastAPI()
client = anthropic.Anthropic(timeout=30)
agent = Agent(client, model="claude-haiku-4-5")


@app.post("/plan")
def plan(wish: str, user=Depends(per_user)):
    return agent.run(wish)


@app.post("/say")
def say(text: str, user=Depends(per_user)):
    try:
        message = client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=50,
            metadata={"user_id": user.id},
            messages=[{"role": "user", "content": text}],
        )
    except anthropic.APIError:
        raise HTTPException(503, "Please try again in a minute.")
    return {"text": message.content[0].text, "tokens": message.usage.output_tokens}
