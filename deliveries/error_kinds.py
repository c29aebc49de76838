"""Why an attempt got no usable answer: one short name each, who is at fault, what it costs.

The transport gives these names, retry_policy judges them, the breaker and the attempt log read
them. *Ours* does not spend the retry schedule and raises an alert; *theirs* does. Kinds that
hold a slot keep a send in flight for long and therefore open the breaker.
"""

from enum import StrEnum
from typing import Final


class ErrorKind(StrEnum):
    """The values are stored and shown; never rename one."""

    #: Theirs: an answer came and it was no 2xx. Set by the caller, never by the transport.
    HTTP_STATUS = "http_status"
    #: Theirs, holds a slot: the request was sent, the answer's head did not come in time.
    TIMEOUT = "timeout"
    #: Theirs, holds a slot: no connection, TLS included, was made in time.
    CONNECT_TIMEOUT = "connect_timeout"
    #: Theirs, holds a slot: nothing listens at the address.
    CONNECT_REFUSED = "connect_refused"
    #: Theirs, holds a slot: unreachable, or broken off while connecting.
    CONNECT_ERROR = "connect_error"
    #: Theirs, holds a slot: certificate, name or TLS version not accepted by either side.
    TLS_ERROR = "tls_error"
    #: Theirs: the name does not exist, or has no address.
    DNS_NX = "dns_nx"
    #: Theirs, holds a slot: this name's servers did not answer, while others do.
    DNS_TIMEOUT = "dns_timeout"
    #: Theirs: this name's servers answered with a failure, while other names resolve.
    DNS_ERROR = "dns_error"
    #: Theirs: an address the platform does not send to; nothing was dialled.
    BLOCKED_TARGET = "blocked_target"
    #: Theirs: the answer is not HTTP/1.1.
    PROTOCOL_ERROR = "protocol_error"
    #: Theirs: the answer's head is beyond the limits.
    TOO_LARGE = "too_large"
    #: Theirs: a fresh connection closed before the answer's head was complete.
    CONNECTION_CLOSED = "connection_closed"
    #: Theirs: the endpoint's URL, headers or secrets cannot be sent; 0 bytes left.
    CONFIG_ERROR = "config_error"
    #: Ours: a kept-alive connection broke before any byte of the answer.
    STALE_CONNECTION = "stale_connection"
    #: Ours: no name resolves at all.
    DNS_OURS = "dns_ours"
    #: Ours: this machine had no socket, port or memory left.
    POOL = "pool"
    #: Ours: the database could not be asked.
    DATABASE = "database"
    #: Ours: the worker stopped before anything was sent.
    SHUTDOWN = "shutdown"
    #: Ours: the worker died; whether the request was sent is unknown.
    WORKER_LOST = "worker_lost"

    @property
    def is_ours(self) -> bool:
        """Whether the fault is the platform's, so that the schedule is not spent."""
        return self in OURS

    @property
    def holds_slot(self) -> bool:
        """Whether such failures count towards opening the endpoint's breaker."""
        return self in HOLDS_SLOT


OURS: Final = frozenset(
    {
        ErrorKind.STALE_CONNECTION,
        ErrorKind.DNS_OURS,
        ErrorKind.POOL,
        ErrorKind.DATABASE,
        ErrorKind.SHUTDOWN,
        ErrorKind.WORKER_LOST,
    }
)

HOLDS_SLOT: Final = frozenset(
    {
        ErrorKind.TIMEOUT,
        ErrorKind.CONNECT_TIMEOUT,
        ErrorKind.CONNECT_REFUSED,
        ErrorKind.CONNECT_ERROR,
        ErrorKind.TLS_ERROR,
        ErrorKind.DNS_TIMEOUT,
    }
)
