import pytest

from deliveries.error_kinds import ErrorKind
from deliveries.transport.answer_reader import HEAD_MAX, HEADER_COUNT_MAX, AnswerReader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


def read(*pieces: bytes, read_max: int = 100, excerpt_max: int = 10) -> AnswerReader:
    reader = AnswerReader(read_max=read_max, excerpt_max=excerpt_max)
    for piece in pieces:
        if reader.feed(piece):
            break
    return reader


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("data", [OK, CHUNKED, INTERIM + OK], ids=["length", "chunked", "interim"])
def test_pieces_of_any_size_read_the_same(data, size):
    reader = read(*[data[i : i + size] for i in range(0, len(data), size)])

    assert (reader.status, bytes(reader.excerpt), reader.complete) == (200, b"ok", True)
    assert reader.may_be_followed
    assert not reader.truncated
    assert len(reader.headers) == 1


def test_keeps_an_excerpt_and_stops_beyond_the_limit():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

    reader = read(head, b"x" * 60, b"x" * 40, b"x", b"never read")

    assert (bytes(reader.excerpt), reader.truncated, reader.complete) == (b"x" * 10, True, False)
    assert reader.received == len(head) + 101
    assert not reader.may_be_followed


def test_a_body_longer_than_the_excerpt_is_truncated_but_may_be_followed():
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + b"x" * 50)

    assert (len(reader.excerpt), reader.truncated, reader.may_be_followed) == (10, True, True)


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"1;" + b"e" * 200, id="chunk-extension"),
        pytest.param(b"0\r\nX: " + b"t" * 200, id="trailer"),
    ],
)
def test_what_is_no_body_counts_too_once_the_head_is_read(endless):
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endless, b"never")

    assert (reader.status, reader.complete, reader.truncated) == (200, False, True)
    assert reader.received < 300


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_MAX, "too_large", id="header"),
        pytest.param(b"HTTP/1.1 200 " + b"y" * HEAD_MAX, "too_large", id="reason"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (HEADER_COUNT_MAX + 2), "too_large", id="count"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (HEADER_COUNT_MAX + 1) + b"\r\n",
            "too_large",
            id="count-in-one-piece",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_MAX + b"\r\n\r\n", "too_large", id="one-piece"
        ),
        pytest.param(INTERIM * 33, "protocol_error", id="33-interim"),
    ],
)
def test_heads_beyond_the_limits_fail(data, kind):
    reader = read(data)

    assert (reader.status, reader.error_kind, reader.head_complete) == (0, kind, False)


def test_a_large_body_in_one_piece_with_the_head_is_no_large_head():
    reader = read(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (HEAD_MAX + 1))

    assert (reader.status, reader.error_kind, reader.truncated) == (200, None, True)


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nab", True, id="no-length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", False, id="short"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", False, id="chunk"
        ),
    ],
)
def test_the_end_of_the_stream_completes_only_what_has_no_length(data, complete):
    reader = read(data)
    reader.feed_eof()

    assert (reader.status, reader.error_kind) == (200, None)
    assert (reader.complete, reader.truncated) == (complete, not complete)
    assert not reader.may_be_followed


def test_the_end_of_the_stream_before_the_head_is_a_failure():
    reader = read(b"HTTP/1.1 200 OK\r\n")
    reader.feed_eof()

    assert (reader.status, reader.error_kind) == (0, "connection_closed")


def test_bytes_after_the_answer_forbid_another_request():
    assert read(OK).may_be_followed
    assert not read(OK + b"x").may_be_followed
    assert not read(OK + OK).may_be_followed
    reader = read(OK)
    reader.feed(b"late")
    assert not reader.may_be_followed
    assert bytes(reader.excerpt) == b"ok"


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9"])
def test_another_protocols_status_line_is_no_answer(version: bytes) -> None:
    reader = read(version + b" 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert reader.error_kind is ErrorKind.PROTOCOL_ERROR
    assert not reader.may_be_followed
