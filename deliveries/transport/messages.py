"""What goes into the door and what comes out of it: values only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from deliveries.error_kinds import ErrorKind
from endpoints.url_policy import EndpointUrl

READ_MAX: Final = 64 * 1024  # Bytes of an answer's body that are read before hanging up.
EXCERPT_MAX: Final = 16 * 1024  # Bytes of it that are kept.


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What an endpoint wants to see from us in TLS: PEM of the chain and of its key."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)

    @property
    def identity(self) -> str:
        """Tells connections apart that may not be shared."""
        return sha256(self.chain_pem + b"\0" + self.key_pem).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; framing headers are added by the door.

    `headers` are the platform's own, `custom_headers` the tenant's: these are judged again by
    header_policy, and a clash between the two is a `config_error`. `message_headers` are the
    tenant's too, for this request alone; they win over custom ones of the same name. `deadline`
    is the time in seconds for everything from name resolution to the last byte read. `tenant`
    groups name lookups, so that one tenant's silent name servers do not take them all.
    `fresh_connection` keeps an attempt after a `stale_connection` off kept-alive ones.
    """

    url: EndpointUrl
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)
    deadline: float
    custom_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    message_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tenant: str = ""
    fresh_connection: bool = False
    client_certificate: ClientCertificate | None = None
    method: str = "POST"
    read_max: int = READ_MAX
    excerpt_max: int = EXCERPT_MAX


@dataclass(frozen=True, slots=True)
class Answer:
    """How an exchange ended.

    `status` is 0 when no complete head of an answer came; only then `error_kind` and `error_text`
    say why, the text being fit for the tenant's eyes. A body that stalls, breaks or is longer
    than `read_max` leaves the status as it is and sets `truncated`, as does an excerpt shorter
    than the body. `connect_ms` covers name resolution, TCP and TLS, and is 0 on a kept-alive
    connection; `duration_ms` covers everything. `address` is what was dialled, if anything.
    """

    status: int
    error_kind: ErrorKind | None
    error_text: str
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    excerpt: bytes = field(repr=False)
    truncated: bool
    duration_ms: float
    connect_ms: float
    reused: bool
    address: str | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status <= 299  # noqa: PLR2004

    @property
    def retry_after(self) -> bytes | None:
        """The raw `Retry-After`, for `parse_retry_after`."""
        return self.header(b"retry-after")

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, its name given in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def excerpt_text(self) -> str:
        """The excerpt as PostgreSQL can store it: invalid bytes and NUL become U+FFFD."""
        return self.excerpt.decode("utf-8", errors="replace").replace("\0", "\ufffd")
