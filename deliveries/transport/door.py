"""Send one request and say how it ended, whatever the receiver does."""

import asyncio
import ssl
from time import perf_counter
from types import TracebackType
from typing import Final, Self

from deliveries.error_kinds import ErrorKind
from deliveries.transport.answer_reader import AnswerReader
from deliveries.transport.connection import Connection, Ending
from deliveries.transport.dialling import DialError, Dialler
from deliveries.transport.idle_connections import IdleConnections, Origin
from deliveries.transport.messages import Answer, Request
from deliveries.transport.request_head import UnsendableError, render_head
from deliveries.transport.resolver import Resolver
from deliveries.transport.tls import ClientCertificateError, TlsContexts
from endpoints.address_policy import AddressPolicy

USER_AGENT: Final = "webhooks-platform"
IDLE_PER_ORIGIN: Final = 256
IDLE_TOTAL: Final = 512
_GOODBYE_SECONDS: Final = 2.0


class Transport:
    """The one door to the network, with its kept-alive connections. One per event loop.

    `opened` and `reused` count connections dialled and requests sent on kept-alive ones.
    """

    def __init__(
        self,
        *,
        policy: AddressPolicy,
        resolver: Resolver | None = None,
        ca_pem: str | None = None,
        user_agent: str = USER_AGENT,
        idle_per_origin: int = IDLE_PER_ORIGIN,
        idle_total: int = IDLE_TOTAL,
    ) -> None:
        self._resolver = resolver or Resolver()
        self._tls = TlsContexts(ca_pem=ca_pem)
        self._user_agent = user_agent
        self._idle = IdleConnections(per_origin=idle_per_origin, total=idle_total)
        self._live: set[Connection] = set()
        self._dialler = Dialler(policy=policy, resolver=self._resolver, live=self._live)
        self.opened = 0
        self.reused = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection and the resolver. No exchange may be running."""
        self._idle.drop_all()
        for connection in self._live:
            connection.abort()
        await self._resolver.aclose()
        loop = asyncio.get_running_loop()
        until = loop.time() + _GOODBYE_SECONDS
        while self._live and loop.time() < until:
            await asyncio.sleep(0)

    async def exchange(self, request: Request) -> Answer:
        """Send the request at most once and return how it ended.

        Raises only for programming errors, and CancelledError, which aborts the connection.
        """
        clock = _Clock(request.deadline)
        try:
            head = render_head(request, self._user_agent)
            origin, context = self._origin(request)
        except (UnsendableError, ClientCertificateError) as error:
            return clock.failure(ErrorKind.CONFIG_ERROR, str(error))
        connection = None if request.fresh_connection else self._idle.take(origin)
        if connection is None:
            try:
                connection = await self._dial(request, context, clock)
            except DialError as error:
                return clock.failure(error.kind, error.text, error.address)
        else:
            self.reused += 1
        return await self._send(connection, origin, request, head, clock)

    def _origin(self, request: Request) -> tuple[Origin, ssl.SSLContext | None]:
        url, certificate = request.url, request.client_certificate
        if url.scheme != "https":
            return Origin(url.scheme, url.host, url.port), None
        identity = "" if certificate is None else certificate.identity
        return Origin(url.scheme, url.host, url.port, identity), self._tls.get(certificate)

    async def _dial(
        self, request: Request, context: ssl.SSLContext | None, clock: "_Clock"
    ) -> Connection:
        try:
            connection = await self._dialler.dial(
                request.url, tls=context, tenant=request.tenant, until=clock.until
            )
        except DialError as error:
            if error.kind is ErrorKind.POOL:
                self._idle.drop_all()  # Idle sockets are the only ones that can be given back.
            raise
        finally:
            clock.connected()
        self.opened += 1
        return connection

    async def _send(
        self,
        connection: Connection,
        origin: Origin,
        request: Request,
        head: bytes,
        clock: "_Clock",
    ) -> Answer:
        reused = connection.requests > 0
        reader = AnswerReader(read_max=request.read_max, excerpt_max=request.excerpt_max)
        ending = await connection.exchange(head, request.body, reader, clock.until)
        if connection.release():
            self._idle.put(origin, connection)
        elif reader.complete:
            connection.close()
        else:
            connection.abort()
        kind, text = _judge(reader, ending, reused)
        if kind is ErrorKind.STALE_CONNECTION:
            self._idle.drop(origin)
        return clock.answer(reader, kind, text, connection.address, reused)


def _judge(reader: AnswerReader, ending: Ending, reused: bool) -> tuple[ErrorKind | None, str]:
    """Say why there is no status, or nothing when there is one."""
    if reader.head_complete:
        return None, ""
    if ending is Ending.EXPIRED:
        return ErrorKind.TIMEOUT, "the answer did not come in time"
    if ending is Ending.CLOSED and reader.received == 0 and reused:
        return ErrorKind.STALE_CONNECTION, "the kept-alive connection had been closed"
    if reader.error_kind is None:
        return ErrorKind.CONNECTION_CLOSED, "the connection closed before the answer"
    return reader.error_kind, reader.error_text


class _Clock:
    """Times one exchange, and puts the times into its answer."""

    __slots__ = ("_connect_ms", "_started", "until")

    def __init__(self, seconds: float) -> None:
        self._started = perf_counter()  # uvloop's own time moves in milliseconds.
        self._connect_ms = 0.0
        #: The loop's time at which the exchange must have ended.
        self.until = asyncio.get_running_loop().time() + seconds

    def _elapsed_ms(self) -> float:
        return (perf_counter() - self._started) * 1000.0

    def connected(self) -> None:
        self._connect_ms = self._elapsed_ms()

    def answer(
        self,
        reader: AnswerReader,
        kind: ErrorKind | None,
        text: str,
        address: str,
        reused: bool,
    ) -> Answer:
        return Answer(
            status=reader.status,
            error_kind=kind,
            error_text=text,
            headers=reader.headers if kind is None else (),
            excerpt=bytes(reader.excerpt),
            truncated=kind is None and reader.truncated,
            duration_ms=self._elapsed_ms(),
            connect_ms=self._connect_ms,
            reused=reused,
            address=address,
        )

    def failure(self, kind: ErrorKind, text: str, address: str | None = None) -> Answer:
        return Answer(
            status=0,
            error_kind=kind,
            error_text=text,
            headers=(),
            excerpt=b"",
            truncated=False,
            duration_ms=self._elapsed_ms(),
            connect_ms=self._connect_ms,
            reused=False,
            address=address,
        )
