from fastapi import Request
from pydantic import BaseModel


class User(BaseModel):
    opaque_id: str


def current_user(request: Request) -> User:
    return User(opaque_id=request.state.user_id)
