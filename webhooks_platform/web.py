"""One process of the web server: publishes go to their own door, everything else to Django.

Django answers in a small fixed pool of threads, each with one lasting database connection; its
own ASGI handler was many times slower.
"""

import re
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings

from deliveries.api.batch_door import BatchDoor
from deliveries.api.door import Door
from deliveries.api.publish_door import PublishDoor
from deliveries.publish import BatchPublisher, Publisher
from deliveries.wake import Waker
from webhooks_platform.api import cors
from webhooks_platform.api.asgi_exchange import (
    DisconnectedError,
    Message,
    Receive,
    Scope,
    Send,
    answer_error,
    read_body,
)
from webhooks_platform.api.errors import ApiError, incomplete
from webhooks_platform.lib.reconnecting import Reconnecting

#: Requests that Django works on at once, in each worker process.
DJANGO_THREADS = 8

_API = "/api/"
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_PUBLISH = re.compile(r"/api/v1/app/([^/]+)/msg(/batch)?")


class Application:
    """The ASGI application; opened in its event loop by the server's lifespan messages."""

    def __init__(self, django: Any) -> None:
        """`django` is the WSGI application that answers all but publishes."""
        self._django = cast(Any, WSGIMiddleware(django, workers=DJANGO_THREADS))
        self._doors: dict[bool, Door] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        waker = Waker()
        publisher = Publisher(waker.hint)
        batches = BatchPublisher(waker.hint)
        keys = Reconnecting("webhooks-keys")
        await receive()
        publisher.open()
        self._doors = {False: PublishDoor(keys, publisher), True: BatchDoor(keys, batches)}
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for close in (publisher.close, batches.close, waker.aclose, keys.close):
            await close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if not path.startswith(_API):
            await self._to_django(scope, receive, send)
            return
        # Clients follow no redirects, so a slash at the end is just taken away.
        scope["path"] = path = path.rstrip("/")
        if cors.concerns(scope):
            send = cors.with_headers(send)
            if cors.is_preflight(scope):
                await cors.answer_preflight(scope, send)
                return
        match = _PUBLISH.fullmatch(path)
        if match and scope["method"] == "POST":
            await self._doors[match[2] is not None](scope, receive, send, match[1])
        else:
            await self._to_django(scope, receive, send)

    async def _to_django(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over the complete request: a slow upload holds no thread, and has a length."""
        try:
            body = await read_body(receive, settings.ENVIRONMENT.WEBHOOKS_MAX_BODY)
        except ApiError as error:
            await answer_error(send, error, {})
        except DisconnectedError:
            await answer_error(send, incomplete(), {})
        else:
            scope["headers"] = _with_length(scope["headers"], len(body))
            scope["query_string"] = _NOT_ASCII.sub(_percent_encoded, scope["query_string"])
            await self._django(scope, _once(body), send)


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    framing = (b"content-length", b"transfer-encoding")
    others = [header for header in headers if header[0] not in framing]
    return [*others, (b"content-length", b"%d" % length)] if length else others


def _percent_encoded(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
