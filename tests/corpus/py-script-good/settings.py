MODEL = "claude-haiku-5-5"
MAX_TOKENS = 2 * 256
