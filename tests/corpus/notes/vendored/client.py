import anthropic

KEY = "{{KEY}}"
