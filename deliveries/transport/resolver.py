"""Resolve names without threads and within a budget, and tell their faults from ours.

A name is looked up as it stands (a trailing dot is added, search domains are never tried), both
families at once. Equal look-ups share one, failures are remembered for a moment, and a tenant
has few at a time, so that silent name servers hold up nobody else.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

import aiodns
import pycares

from deliveries.error_kinds import ErrorKind
from deliveries.transport.hosts_file import HostsFile

LOOKUP_SECONDS: Final = 2.5
PROBE_SECONDS: Final = 0.5  # Together with a look-up: 3 s at most.
SECOND_FAMILY_SECONDS: Final = 0.5  # How much longer the other family may take.
TRY_SECONDS: Final = 1.0
TRIES: Final = 2
REMEMBER_SECONDS_MAX: Final = 30.0  # However long the records say that they are good for.
FAILURE_SECONDS: Final = 5.0
REMEMBERED_MAX: Final = 10_000  # Names.
PER_TENANT_MAX: Final = 8  # Look-ups in flight.

_NAME_HAS_NONE: Final = frozenset(
    {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME}
)
_NO_REPLY: Final = frozenset(
    {pycares.errno.ARES_ETIMEOUT, pycares.errno.ARES_ECONNREFUSED, pycares.errno.ARES_ECANCELLED}
)
_TEXTS: Final = {
    ErrorKind.DNS_NX: "the host name does not exist or has no address",
    ErrorKind.DNS_TIMEOUT: "the name servers of the host did not answer in time",
    ErrorKind.DNS_ERROR: "the name servers of the host answered with a failure",
    ErrorKind.DNS_OURS: "the sender cannot resolve any name",
}


class ResolutionError(Exception):
    """No address; `kind` is one of the dns_ kinds."""

    def __init__(self, kind: ErrorKind) -> None:
        super().__init__(_TEXTS[kind])
        self.kind = kind


class Resolver:
    """Belongs to the event loop it is first used on."""

    def __init__(
        self,
        *,
        nameservers: Sequence[str] | None = None,
        port: int | None = None,
        hosts_file: HostsFile | None = None,
    ) -> None:
        self._nameservers = nameservers
        self._port = port
        self._hosts = hosts_file or HostsFile()
        self._dns: aiodns.DNSResolver | None = None
        self._in_flight: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._remembered: dict[str, tuple[float, tuple[str, ...] | ErrorKind]] = {}
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._probe: asyncio.Task[bool] | None = None
        self._conclusive_at = float("-inf")

    async def resolve(self, host: str, *, tenant: str = "") -> tuple[str, ...]:
        """Return every address of a name (see EndpointUrl.host); raises ResolutionError."""
        addresses = self._hosts.addresses(host)
        if addresses:
            return addresses
        until, found = self._remembered.get(host, (float("-inf"), ()))
        if until > asyncio.get_running_loop().time():
            if isinstance(found, ErrorKind):
                raise ResolutionError(found)
            return found
        lookup = self._in_flight.get(host)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(host, tenant))
            self._in_flight[host] = lookup
            lookup.add_done_callback(lambda task: self._forget_lookup(host, task))
        # Shielded: when one send gives up, the others still wait for the same answer.
        return await asyncio.shield(lookup)

    async def aclose(self) -> None:
        """Cancel what is in flight and close the sockets."""
        tasks = [*self._in_flight.values(), *([self._probe] if self._probe else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._dns is not None:
            await self._dns.close()
            self._dns = None

    def _forget_lookup(self, host: str, task: asyncio.Task[tuple[str, ...]]) -> None:
        del self._in_flight[host]
        if not task.cancelled():
            task.exception()  # Nobody may be waiting any more; that is no error.

    async def _look_up(self, host: str, tenant: str) -> tuple[str, ...]:
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._gate(tenant):
                replies = await self._ask(host)
        except TimeoutError:
            replies = []
        addresses = tuple(address for reply in replies if reply for address in reply.addresses)
        if addresses:
            self._remember(host, addresses, min(r.seconds for r in replies if r and r.addresses))
            return addresses
        kind = await self._failure(replies, started)
        if kind is not ErrorKind.DNS_OURS:
            self._remember(host, kind, FAILURE_SECONDS)
        raise ResolutionError(kind)

    async def _ask(self, host: str) -> "list[_Reply]":
        """Ask for both families; one that comes late when the other has come is left out."""
        asked = [asyncio.create_task(self._query(host, kind)) for kind in ("A", "AAAA")]
        try:
            done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            if late and any(task.result().addresses for task in done):
                await asyncio.wait(late, timeout=SECOND_FAMILY_SECONDS)
            elif late:
                await asyncio.wait(late)
            return [task.result() for task in asked if task.done()]
        finally:
            for task in asked:
                task.cancel()

    async def _query(self, host: str, kind: str) -> "_Reply":
        try:
            result = await self._channel().query_dns(f"{host}.", kind)
        except aiodns.error.DNSError as error:
            reply = _Reply((), 0.0, int(error.args[0]))
        else:
            reply = _reply(result)
        if reply.error is None or reply.error in _NAME_HAS_NONE:
            self._conclusive_at = asyncio.get_running_loop().time()
        return reply

    async def _failure(self, replies: "list[_Reply]", started: float) -> ErrorKind:
        errors = {reply.error for reply in replies if reply.error is not None}
        has_all = len(replies) == 2  # noqa: PLR2004 - both families.
        if has_all and errors <= _NAME_HAS_NONE:
            return ErrorKind.DNS_NX
        # An answer about any name since this look-up began shows that resolving works.
        if self._conclusive_at < started and not await self._resolver_answers():
            return ErrorKind.DNS_OURS
        broken = errors - _NAME_HAS_NONE - _NO_REPLY
        return ErrorKind.DNS_ERROR if broken else ErrorKind.DNS_TIMEOUT

    async def _resolver_answers(self) -> bool:
        """Ask for the root's name servers, which every working resolver knows."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask_for_root())
        return await asyncio.shield(self._probe)

    async def _ask_for_root(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._channel().query_dns(".", "NS")
        except TimeoutError:
            return False
        except aiodns.error.DNSError as error:
            return error.args[0] not in _NO_REPLY | {pycares.errno.ARES_ESERVFAIL}
        return True

    def _remember(self, host: str, found: tuple[str, ...] | ErrorKind, seconds: float) -> None:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        until = asyncio.get_running_loop().time() + min(seconds, REMEMBER_SECONDS_MAX)
        self._remembered[host] = (until, found)

    def _gate(self, tenant: str) -> asyncio.Semaphore:
        return self._gates.setdefault(tenant, asyncio.Semaphore(PER_TENANT_MAX))

    def _channel(self) -> aiodns.DNSResolver:
        if self._dns is None:
            self._dns = aiodns.DNSResolver(
                nameservers=self._nameservers,
                timeout=TRY_SECONDS,
                tries=TRIES,
                udp_port=self._port,
                tcp_port=self._port,
                flags=pycares.ARES_FLAG_NOSEARCH,
                lookups="b",
            )
        return self._dns


class _Reply:
    """One family's answer: addresses and how long they are good for, or a c-ares error."""

    __slots__ = ("addresses", "error", "seconds")

    def __init__(self, addresses: tuple[str, ...], seconds: float, error: int | None) -> None:
        self.addresses = addresses
        self.seconds = seconds
        self.error = error


def _reply(result: pycares.DNSResult) -> _Reply:
    records = [
        (record.data.addr, record.ttl)
        for record in result.answer
        if isinstance(record.data, pycares.ARecordData | pycares.AAAARecordData)
    ]
    if not records:
        return _Reply((), 0.0, pycares.errno.ARES_ENODATA)
    return _Reply(tuple(a for a, _ in records), min(ttl for _, ttl in records), None)
