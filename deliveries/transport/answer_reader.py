"""Read one HTTP/1.1 answer from bytes, within limits. No sockets, no clock.

llhttp (through httptools) parses; this class counts, keeps what is wanted, and decides when
enough has been read and whether the connection may carry another request.
"""

from typing import Final

import httptools

from deliveries.error_kinds import ErrorKind

HEAD_MAX: Final = 100 * 1024  # Bytes of status lines and headers, interim answers included.
HEADER_COUNT_MAX: Final = 512
INTERIM_MAX: Final = 32  # 1xx answers before the final one.
_FIRST_STATUS: Final = 100
_FIRST_FINAL_STATUS: Final = 200
_SWITCHING_PROTOCOLS: Final = 101
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class AnswerReader:
    """Takes an answer's bytes as they come; a new one for each request."""

    __slots__ = (
        "_after_head",
        "_body",
        "_excerpt_max",
        "_interim",
        "_parser",
        "_read_max",
        "_trailing",
        "complete",
        "error_kind",
        "error_text",
        "excerpt",
        "head_complete",
        "headers",
        "keep_alive",
        "received",
        "status",
    )

    def __init__(self, *, read_max: int, excerpt_max: int) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._read_max = read_max
        self._excerpt_max = excerpt_max
        self._interim = 0
        self._body = 0
        self._after_head = 0
        self._trailing = False
        #: Bytes of anything so far; a kept-alive connection that broke before the first is stale.
        self.received = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.excerpt = bytearray()
        self.head_complete = False
        self.complete = False
        self.keep_alive = False
        self.error_kind: ErrorKind | None = None
        self.error_text = ""

    @property
    def may_be_followed(self) -> bool:
        """Whether the connection is in a state to carry another request."""
        return self.complete and self.keep_alive and not self._trailing

    @property
    def truncated(self) -> bool:
        """Whether the body went on after what was kept of it."""
        return not self.complete or self._body > len(self.excerpt)

    def feed(self, data: bytes) -> bool:
        """Take bytes; return True when nothing more needs to be read."""
        if self._parser is None:
            self._trailing = True
            return True
        self.received += len(data)
        if self.head_complete:
            # The raw count bounds chunk extensions and trailers, which are no body.
            self._after_head += len(data)
        if self._parse(self._parser, data) or self._has_enough():
            self._parser = None  # It refers back to this object; that ring would live on.
            return True
        return False

    def feed_eof(self) -> None:
        """Take the end of the stream: it completes a body that had no announced length."""
        if not self.head_complete:
            self._fail(ErrorKind.CONNECTION_CLOSED, "the connection closed before the answer")
        elif not self.complete:
            self.complete = not any(name.lower() in _FRAMING for name, _ in self.headers)
        self.keep_alive = False

    def _parse(self, parser: httptools.HttpResponseParser, data: bytes) -> bool:
        """Feed the parser; True when the stream is no answer, or no answer any more."""
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._stop("the answer switches protocols")
        except httptools.HttpParserError as error:
            self._stop(f"the answer is not HTTP/1.1: {error}")
        else:
            return False
        return True

    def _stop(self, text: str) -> None:
        self._trailing = True
        if not self.head_complete:
            self._fail(ErrorKind.PROTOCOL_ERROR, text)

    def _has_enough(self) -> bool:
        if not self.head_complete:
            self._check_head(self.received)
            return self.error_kind is not None
        return self.complete or max(self._body, self._after_head) > self._read_max

    def _check_head(self, size: int) -> None:
        if self._interim > INTERIM_MAX:
            self._fail(ErrorKind.PROTOCOL_ERROR, "too many interim answers (1xx)")
        elif size > HEAD_MAX or len(self.headers) > HEADER_COUNT_MAX:
            self._fail(ErrorKind.TOO_LARGE, "the answer's headers are beyond the limits")

    def _fail(self, kind: ErrorKind, text: str) -> None:
        if self.error_kind is None:
            self.error_kind, self.error_text = kind, text

    # Called by httptools, by these names.

    def on_message_begin(self) -> None:
        self._trailing = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come after the head and are dropped.
        if not self.head_complete and len(self.headers) <= HEADER_COUNT_MAX:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.head_complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if not self._parser.get_http_version().startswith("1."):
            self._fail(ErrorKind.PROTOCOL_ERROR, "the answer is not HTTP/1.1")
        elif status < _FIRST_STATUS or status == _SWITCHING_PROTOCOLS:
            self._fail(ErrorKind.PROTOCOL_ERROR, f"the answer has the status {status}")
        elif status < _FIRST_FINAL_STATUS:
            self._interim += 1
            self.headers.clear()
        else:
            self._accept_head(status)

    def _accept_head(self, status: int) -> None:
        if self.received > HEAD_MAX or len(self.headers) > HEADER_COUNT_MAX:
            # Head and body may have come in one piece; only the head's own size counts.
            self._check_head(sum(len(name) + len(value) + 4 for name, value in self.headers))
        if self.error_kind is None:
            self.status, self.head_complete = status, True

    def on_body(self, body: bytes) -> None:
        if self.complete:
            return
        self._body += len(body)
        room = self._excerpt_max - len(self.excerpt)
        if room > 0:
            self.excerpt += body[:room]

    def on_message_complete(self) -> None:
        if self.head_complete and not self.complete and self._parser is not None:
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()
