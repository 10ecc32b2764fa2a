def user_id() -> str:
    return "u-1"
