"""Cross-origin requests to the API from any page: keys are sent by hand, never by the browser."""

from webhooks_platform.api.asgi_exchange import Message, Scope, Send

MAX_AGE = b"600"
_METHODS = b"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"


def concerns(scope: Scope) -> bool:
    """Return whether a browser asks on behalf of a page."""
    return any(name == b"origin" for name, _ in scope["headers"])


def is_preflight(scope: Scope) -> bool:
    asked = b"access-control-request-method"
    return scope["method"] == "OPTIONS" and any(name == asked for name, _ in scope["headers"])


async def answer_preflight(scope: Scope, send: Send) -> None:
    wanted = dict(scope["headers"]).get(b"access-control-request-headers", b"")
    headers = [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", wanted),
        (b"access-control-max-age", MAX_AGE),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def with_headers(send: Send) -> Send:
    """Return a `send` that lets any page read the answer."""

    async def open_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"access-control-allow-origin", b"*")]
        await send(message)

    return open_send
