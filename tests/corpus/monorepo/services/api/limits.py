from redis.asyncio import Redis

redis = Redis()


async def rate_limit(user_id: str) -> None:
    count = await redis.incr(f"calls:{user_id}")
    if count == 1:
        await redis.expire(f"calls:{user_id}", 60)
    if count > 20:
        raise PermissionError
