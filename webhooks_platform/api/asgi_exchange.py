"""One HTTP exchange over ASGI: the request's body up to a limit, and the answer."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from webhooks_platform.api.errors import ApiError, count_refusal, too_large
from webhooks_platform.api.parsing import DRAIN_BYTES
from webhooks_platform.api.rendering import to_json
from webhooks_platform.lib.security_headers import API_HEADERS

SECURITY = [(name.encode(), value.encode()) for name, value in API_HEADERS]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class DisconnectedError(Exception):
    """The request ended before it was complete, or its chunks are none.

    A client that has only closed its half of the connection still reads; left without an answer
    it would get one of the server's own, which is no JSON.
    """


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the body; raise 413 if it is longer than `limit`, DisconnectedError if it ends early.

    What is too long is thrown away, up to DRAIN_BYTES: a client that sends all before it reads
    would see a reset connection instead of the answer.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= limit:
        return body
    return await _read_on(receive, message, limit)


async def _read_on(receive: Receive, message: Message, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise DisconnectedError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body") or size > limit + DRAIN_BYTES:
            break
        message = await receive()
    if size > limit:
        raise too_large()
    return b"".join(parts)


async def answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Send a complete JSON answer."""
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                *SECURITY,
                *named,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ApiError, headers: Mapping[str, str]) -> None:
    """Send an error in the same form as everywhere."""
    count_refusal(error)
    await answer(send, error.status, to_json(error.body()), {**error.headers, **headers})
