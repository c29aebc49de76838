"""The same door for code that speaks httpx: test sends, tokens, imports, notifications."""

from typing import Final

import httpx

from deliveries.error_kinds import ErrorKind
from deliveries.transport.door import Transport
from deliveries.transport.messages import READ_MAX, Answer, Request
from deliveries.transport.request_head import METHODS
from endpoints.url_policy import UrlNotAllowed, parse_url

DEADLINE_SECONDS: Final = 15.0
# Written by the door, or handed to it apart.
_FRAMING: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"host",
        b"transfer-encoding",
        b"user-agent",
    }
)
_ERRORS: Final[dict[ErrorKind, type[httpx.TransportError]]] = {
    ErrorKind.TIMEOUT: httpx.ReadTimeout,
    ErrorKind.CONNECT_TIMEOUT: httpx.ConnectTimeout,
    ErrorKind.DNS_TIMEOUT: httpx.ConnectTimeout,
    ErrorKind.PROTOCOL_ERROR: httpx.RemoteProtocolError,
    ErrorKind.TOO_LARGE: httpx.RemoteProtocolError,
    ErrorKind.CONNECTION_CLOSED: httpx.RemoteProtocolError,
    ErrorKind.STALE_CONNECTION: httpx.RemoteProtocolError,
    ErrorKind.CONFIG_ERROR: httpx.LocalProtocolError,
}


class BlockedTargetError(httpx.ConnectError):
    """The guard refused the target; nothing was dialled."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport through the guard. The Transport stays its owner's to close.

    The client's `read` timeout, else `deadline` seconds, bounds the whole exchange. An answer
    longer than `read_max` bytes is an error, because half of it is of no use.
    """

    def __init__(
        self, transport: Transport, *, deadline: float = DEADLINE_SECONDS, read_max: int = READ_MAX
    ) -> None:
        self._transport = transport
        self._deadline = deadline
        self._read_max = read_max

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.exchange(await self._request(request))
        if answer.error_kind is not None:
            raise _error(answer.error_kind, answer.error_text, request)
        return _response(answer, request)

    async def _request(self, request: httpx.Request) -> Request:
        try:
            url = parse_url(str(request.url.copy_with(userinfo=b"")))
        except UrlNotAllowed as error:
            raise httpx.UnsupportedProtocol(str(error), request=request) from None
        if request.method not in METHODS:
            raise httpx.UnsupportedProtocol("the method is never sent", request=request)
        timeout = request.extensions.get("timeout", {}).get("read")
        accept = request.headers.get("accept")
        return Request(
            url=url,
            headers=[(k, v) for k, v in request.headers.raw if k.lower() not in _FRAMING],
            custom_headers=() if accept is None else (("Accept", accept),),
            body=await request.aread(),
            deadline=self._deadline if timeout is None else timeout,
            method=request.method,
            read_max=self._read_max,
            excerpt_max=self._read_max,
        )


def _error(kind: ErrorKind, text: str, request: httpx.Request) -> httpx.TransportError:
    if kind is ErrorKind.BLOCKED_TARGET:
        return BlockedTargetError(text, request=request)
    return _ERRORS.get(kind, httpx.ConnectError)(text, request=request)


def _response(answer: Answer, request: httpx.Request) -> httpx.Response:
    if answer.truncated:
        raise httpx.ReadError("the answer is too long or broke off", request=request)
    if answer.header(b"content-encoding") not in (None, b"identity"):
        # httpx would unpack it, however large it grows.
        raise httpx.DecodingError("the answer is compressed against our wish", request=request)
    return httpx.Response(
        status_code=answer.status,
        headers=list(answer.headers),
        content=answer.excerpt,
        request=request,
    )
