import anthropic

client = anthropic.Anthropic(

def ask(question)
    return client.messages.create(model="claude-haiku-4-5"
