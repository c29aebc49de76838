"""Answers that do not pass Django."""

import asyncio

from webhooks_platform.api import errors
from webhooks_platform.api.asgi_exchange import Message, answer_error
from webhooks_platform.lib.security_headers import API_HEADERS


def test_an_answer_of_the_publish_door_carries_the_security_headers() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(answer_error(send, errors.unauthenticated(), {}))

    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 401
    assert {name: headers[name.encode()].decode() for name, _ in API_HEADERS} == dict(API_HEADERS)
