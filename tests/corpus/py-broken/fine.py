import anthropic

print(anthropic.Anthropic(timeout=60).models.list())
