"""Local receivers and a local name server that do exactly what a test's script says."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import dnslib

from deliveries.transport import Answer, HostsFile, Request, Resolver, Transport
from endpoints.address_policy import AddressPolicy
from endpoints.url_policy import parse_url

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DEADLINE = 5.0

Script = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One connection as the receiver sees it; `number` counts them from 1."""

    receiver: "Receiver"
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Read one whole request and note it; raises IncompleteReadError at the end."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await self.reader.readexactly(length)
        self.receiver.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, data: bytes) -> None:
        await self.request()
        await self.send(data)


def always(data: bytes) -> Script:
    """Answer every request on every connection with these bytes."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.answer(data)

    return script


def once(data: bytes) -> Script:
    """Answer the first request of a connection, then close it without notice."""

    async def script(visit: Visit) -> None:
        await visit.answer(data)

    return script


async def silence(visit: Visit) -> None:
    await visit.request()
    await visit.reader.read()


@dataclass
class Receiver:
    script: Script
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    visits: int = 0
    closed: int = 0
    requests: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._visit, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, host: str = "", target: str = "/hook") -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{host or self.host}:{self.port}{target}"

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await self.script(Visit(self, self.visits, reader, writer))
        finally:
            self._tasks.discard(task)
            self.closed += 1
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


#: A name server's word for one question: addresses, a dnslib RCODE name, or None for silence.
Zone = Callable[[str, str], Sequence[str] | str | None]


class NameServer(asyncio.DatagramProtocol):
    """Answers over UDP with what `zone(name, type)` says; `asked` keeps the questions."""

    def __init__(self, zone: Zone, ttl: int = 0) -> None:
        self.zone = zone
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dnslib.DNSRecord.parse(data)
        name, kind = str(query.q.qname).lower(), dnslib.QTYPE[query.q.qtype]
        self.asked.append((name, kind))
        said = self.zone(name, kind)
        if said is None:
            return
        reply = query.reply()
        if isinstance(said, str):
            reply.header.rcode = getattr(dnslib.RCODE, said)
        else:
            record = {"A": dnslib.A, "AAAA": dnslib.AAAA, "NS": dnslib.NS}[kind]
            for value in said:
                reply.add_answer(
                    dnslib.RR(query.q.qname, query.q.qtype, ttl=self.ttl, rdata=record(value))
                )
        self._transport.sendto(reply.pack(), addr)  # type: ignore[attr-defined]


def names(**addresses: Sequence[str] | str) -> Zone:
    """A zone of `name.test.` entries; IPv6 addresses answer AAAA, others do not exist."""

    def zone(name: str, kind: str) -> Sequence[str] | str | None:
        if name == ".":
            return []
        said = addresses.get(name.split(".", maxsplit=1)[0], "NXDOMAIN")
        if isinstance(said, str):
            return said
        return [address for address in said if (":" in address) == (kind == "AAAA")]

    return zone


@contextlib.asynccontextmanager
async def name_server(zone: Zone, ttl: int = 0) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(zone, ttl), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()


def resolver(server: NameServer, hosts_file: HostsFile | None = None) -> Resolver:
    return Resolver(nameservers=["127.0.0.1"], port=server.port, hosts_file=hosts_file)


def transport(*receivers: Receiver, **options: object) -> Transport:
    """A door that may reach these receivers and nothing else that is not public."""
    allowed = [f"[{r.host}]:{r.port}" if ":" in r.host else f"{r.host}:{r.port}" for r in receivers]
    options.setdefault("policy", AddressPolicy(allowed_networks=allowed))
    return Transport(**options)  # type: ignore[arg-type]


def request(url: str, **options: object) -> Request:
    options.setdefault("headers", [(b"webhook-id", b"msg_1")])
    options.setdefault("body", b'{"a":1}')
    options.setdefault("deadline", DEADLINE)
    return Request(url=parse_url(url), **options)  # type: ignore[arg-type]


async def send(door: Transport, url: str, **options: object) -> Answer:
    return await door.exchange(request(url, **options))
