"""The guard at the connect: resolve once, judge every address, dial a judged one, look again.

Connections are opened here and nowhere else. The judged address itself is dialled, so no second
resolution can change the target, while TLS verifies the name.
"""

import asyncio
import errno
import ipaddress
import ssl
from typing import Final

from deliveries.error_kinds import ErrorKind
from deliveries.transport.connection import Connection
from deliveries.transport.resolver import ResolutionError, Resolver
from endpoints.address_policy import AddressPolicy, is_address
from endpoints.url_policy import EndpointUrl

ADDRESSES_MAX: Final = 8  # Dialled in turn; all answers are judged, however many.
TLS_GOODBYE_SECONDS: Final = 1.0
#: One text for every refusal, whether something listens there or not.
BLOCKED_TEXT: Final = "the target is not one that may receive webhooks"
# This machine ran out of something; the endpoint is not at fault.
_OUR_SHORTAGE: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)
# Nothing has reached the receiver after these.
_WORTH_ANOTHER_ADDRESS: Final = frozenset(
    {ErrorKind.CONNECT_REFUSED, ErrorKind.CONNECT_ERROR, ErrorKind.CONNECT_TIMEOUT}
)


class DialError(Exception):
    """No connection; the kind says whose fault, the text is fit for the tenant's eyes."""

    def __init__(self, kind: ErrorKind, text: str, address: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.address = address


class Dialler:
    """Opens judged connections."""

    def __init__(
        self,
        *,
        policy: AddressPolicy,
        resolver: Resolver,
        live: set[Connection],
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._live = live

    async def dial(
        self, url: EndpointUrl, *, tls: ssl.SSLContext | None, tenant: str, until: float
    ) -> Connection:
        """Return a new connection before the loop's time `until`; raises DialError."""
        addresses = await self._judged_addresses(url, tenant, until)
        loop = asyncio.get_running_loop()
        failure = DialError(ErrorKind.CONNECT_TIMEOUT, "no connection was made in time")
        for place, address in enumerate(addresses):
            now = loop.time()
            share = (until - now) / (len(addresses) - place)
            try:
                return await self._connect(url, address, tls, now + share)
            except DialError as error:
                failure = error
                if error.kind not in _WORTH_ANOTHER_ADDRESS:
                    break
        raise failure

    async def _judged_addresses(self, url: EndpointUrl, tenant: str, until: float) -> list[str]:
        """Return the addresses to dial, all of them judged; one refused refuses the name."""
        if self._policy.is_own_host(url.host, url.port):
            raise DialError(ErrorKind.BLOCKED_TARGET, BLOCKED_TEXT)
        if is_address(url.host):
            addresses: tuple[str, ...] = (url.host,)
        else:
            addresses = await self._resolve(url.host, tenant, until)
        if not all(self._policy.allows(address, url.port) for address in addresses):
            raise DialError(ErrorKind.BLOCKED_TARGET, BLOCKED_TEXT)
        return sorted(addresses, key=lambda address: ":" in address)[:ADDRESSES_MAX]

    async def _resolve(self, host: str, tenant: str, until: float) -> tuple[str, ...]:
        try:
            async with asyncio.timeout_at(until):
                return await self._resolver.resolve(host, tenant=tenant)
        except ResolutionError as error:
            raise DialError(error.kind, str(error)) from None
        except TimeoutError:
            raise DialError(ErrorKind.DNS_TIMEOUT, "the name was not resolved in time") from None

    async def _connect(
        self, url: EndpointUrl, address: str, tls: ssl.SSLContext | None, until: float
    ) -> Connection:
        try:
            async with asyncio.timeout_at(until):
                connection = await self._open(url, address, tls)
        except OSError as error:
            kind, text = _kind_and_text(error, is_tls=tls is not None)
            raise DialError(kind, text, address) from None
        if not connection.address:
            raise DialError(ErrorKind.CONNECT_ERROR, "the receiver cannot be reached", address)
        if not self._is_peer(connection.address, address, url.port):
            connection.abort()
            raise DialError(ErrorKind.BLOCKED_TARGET, BLOCKED_TEXT)
        return connection

    async def _open(self, url: EndpointUrl, address: str, tls: ssl.SSLContext | None) -> Connection:
        # With an address for a host no name is resolved here; TCP_NODELAY is asyncio's default.
        loop = asyncio.get_running_loop()
        if tls is None:
            _, connection = await loop.create_connection(
                lambda: Connection(self._live), address, url.port
            )
        else:
            _, connection = await loop.create_connection(
                lambda: Connection(self._live),
                address,
                url.port,
                ssl=tls,
                server_hostname=url.host,
                ssl_shutdown_timeout=TLS_GOODBYE_SECONDS,
            )
        return connection

    def _is_peer(self, peer: str, address: str, port: int) -> bool:
        """Whether the kernel connected where we wanted, and that place is still allowed."""
        same = ipaddress.ip_address(peer) == ipaddress.ip_address(address)
        return same and self._policy.allows(peer, port)


def _kind_and_text(error: OSError, *, is_tls: bool) -> tuple[ErrorKind, str]:
    if isinstance(error, ssl.SSLError):
        return ErrorKind.TLS_ERROR, _tls_text(error)
    if error.errno in _OUR_SHORTAGE:
        return ErrorKind.POOL, "the sender has no sockets left"
    if isinstance(error, TimeoutError):
        return ErrorKind.CONNECT_TIMEOUT, "no connection was made in time"
    if isinstance(error, ConnectionRefusedError):
        return ErrorKind.CONNECT_REFUSED, "the connection was refused"
    if is_tls and isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return ErrorKind.TLS_ERROR, "the connection was broken off during the TLS handshake"
    return ErrorKind.CONNECT_ERROR, "the receiver cannot be reached"


def _tls_text(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {error.verify_message}"
    return f"TLS failed: {error.reason or 'broken off'}"
