"""Wake-up tokens over a real Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import redis
from django.conf import settings

from deliveries.tokens import Tokens

T = TypeVar("T")
KEY, QUEUE = "test:tokens", "test:queue"


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client
        client.delete(KEY, QUEUE)


def with_tokens(work: Callable[[Tokens], Awaitable[T]], *, url: str = "") -> T:
    async def run() -> T:
        tokens = Tokens(url or settings.REDIS_URL, KEY, most=3, timeout=0.25)
        try:
            return await work(tokens)
        finally:
            await tokens.aclose()

    return asyncio.run(run())


def test_the_newest_tokens_are_kept_and_the_queue_counted(store: redis.Redis) -> None:
    store.rpush(QUEUE, "a", "b")

    async def push(tokens: Tokens) -> list[int]:
        return [await tokens.push(token, queue=QUEUE) for token in (b"1", b"2", b"3", b"4")]

    assert with_tokens(push) == [2, 2, 2, 2]
    assert store.lrange(KEY, 0, -1) == [b"4", b"3", b"2"]


def test_the_oldest_token_is_popped(store: redis.Redis) -> None:
    store.lpush(KEY, "old", "new")

    async def pop(tokens: Tokens) -> list[bytes | None]:
        return [await tokens.pop(0.05) for _ in range(3)]

    assert with_tokens(pop) == [b"old", b"new", None]


def test_a_cancelled_pop_leaves_no_answer_behind(store: redis.Redis) -> None:
    async def cancel(tokens: Tokens) -> bytes | None:
        popping = asyncio.create_task(tokens.pop(1.0))
        await asyncio.sleep(0.05)
        popping.cancel()
        await asyncio.gather(popping, return_exceptions=True)
        store.lpush(KEY, "kept")
        return await tokens.pop(0.5)

    assert with_tokens(cancel) == b"kept"


def test_after_a_refusal_the_next_exchange_is_good(store: redis.Redis) -> None:
    async def refused(tokens: Tokens) -> int:
        store.set(KEY, "no list")
        with pytest.raises(redis.ResponseError):
            await tokens.push(b"1", queue=QUEUE)
        store.delete(KEY)
        return await tokens.push(b"2", queue=QUEUE)

    assert with_tokens(refused) == 0
    assert store.lrange(KEY, 0, -1) == [b"2"]


def test_a_connection_that_redis_closed_is_replaced(store: redis.Redis) -> None:
    async def push(tokens: Tokens) -> list[int]:
        first = await tokens.push(b"1", queue=QUEUE)
        store.client_kill_filter(_type="normal", skipme=True)
        return [first, await tokens.push(b"2", queue=QUEUE)]

    assert with_tokens(push) == [0, 0]
    assert store.lrange(KEY, 0, -1) == [b"2", b"1"]


def test_no_redis_is_an_error_at_once() -> None:
    async def push(tokens: Tokens) -> None:
        with pytest.raises(redis.ConnectionError):
            await tokens.push(b"1", queue=QUEUE)

    with_tokens(push, url="redis://127.0.0.1:9/0")
