from fastapi import Depends, HTTPException

from users import current_user
from store import counts


def per_user(user=Depends(current_user)):
    if counts.add(user.id) > 20:
        raise HTTPException(429, "Please wait a minute.")
    return user
