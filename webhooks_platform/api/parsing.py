"""Request bodies: strict JSON of a limited size, with the same rules at every door."""

from collections.abc import Mapping
from email.message import Message
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from webhooks_platform.api import errors
from webhooks_platform.lib.strict_json import StrictJSONError, decode

#: What a refused client may still upload and have thrown away, so that it comes to read the
#: answer: one that sends all before it reads sees a reset connection otherwise.
DRAIN_BYTES = 16 * 1_048_576
_CHUNK = 65_536


def check_content_type(value: str | None) -> None:
    """Raise unless a body of this type may be read as UTF-8 JSON. None named is taken as JSON."""
    if not value or value == "application/json":
        return
    message = Message()
    message["content-type"] = value
    kind = message.get_content_type()
    if kind != "application/json" and not kind.endswith("+json"):
        raise errors.unsupported_media_type()
    charset = message.get_param("charset")
    if charset is not None and str(charset).lower() not in ("utf-8", "utf8"):
        raise errors.FieldError.at(
            "header",
            "content-type",
            message="JSON is sent in UTF-8 (RFC 8259).",
            kind="charset",
        )


def parse_body(body: bytes, content_type: str | None) -> Any:
    """Return the value of a request's body; raise the 422 or 415 it deserves."""
    check_content_type(content_type)
    try:
        return decode(body)
    except StrictJSONError as error:
        raise errors.json_error(error) from None


def read_bounded(stream: IO[bytes], length: int | None, limit: int) -> bytes:
    """Return at most `limit` bytes; when there are more, drain a bounded amount and raise 413."""
    if length is None or length <= limit:
        body = _read(stream, limit + 1 if length is None else length)
        if len(body) <= limit:
            return body
    _discard(stream, DRAIN_BYTES)
    raise errors.too_large()


def _read(stream: IO[bytes], wanted: int) -> bytes:
    """Read until the end or `wanted` bytes; one read may give less than is still to come."""
    parts = []
    while wanted > 0 and (part := stream.read(min(wanted, _CHUNK))):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _discard(stream: IO[bytes], limit: int) -> None:
    while limit > 0 and (part := stream.read(_CHUNK)):
        limit -= len(part)


class StrictJSONParser(BaseParser):
    """DRF's way to parse_body()."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        meta = parser_context["request"].META if parser_context else {}
        length = meta.get("CONTENT_LENGTH") or None
        body = read_bounded(
            stream, int(length) if length else None, settings.ENVIRONMENT.WEBHOOKS_MAX_BODY
        )
        return parse_body(body, meta.get("CONTENT_TYPE"))
