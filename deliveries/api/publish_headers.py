"""What the headers of a publish say."""

import re
from typing import NamedTuple

from webhooks_platform.api.request_ids import given

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_CORRELATION = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?")


class PublishHeaders(NamedTuple):
    authorization: str | None
    content_type: str | None
    host: str | None
    idempotency_key: str | None
    #: None unless the client sent one that may be taken over.
    request_id: str | None
    #: Kept with the event, as is the W3C trace context; what is malformed is left out.
    correlation_id: str | None
    traceparent: str | None


def read_headers(raw: list[tuple[bytes, bytes]]) -> PublishHeaders:
    """Read an ASGI scope's headers; of a repeated one the last counts."""
    headers = dict(raw)

    def text(name: bytes) -> str | None:
        value = headers.get(name)
        return None if value is None else value.decode("latin-1")

    return PublishHeaders(
        authorization=text(b"authorization"),
        content_type=text(b"content-type"),
        host=text(b"host"),
        idempotency_key=text(b"idempotency-key"),
        request_id=given(text(b"x-request-id")),
        correlation_id=_matching(
            _CORRELATION, text(b"webhook-correlation-id") or text(b"x-correlation-id")
        ),
        traceparent=_matching(_TRACEPARENT, text(b"traceparent")),
    )


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None
