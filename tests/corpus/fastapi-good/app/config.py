from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    model: str = "claude-haiku-4-5"
    max_tokens: int = 512
    timeout: float = 60.0


settings = Settings()
