import pytest

from deliveries.api.publish_headers import read_headers

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(TRACE, TRACE, id="valid"),
        pytest.param(TRACE.upper(), None, id="upper case"),
        pytest.param("ff" + TRACE[2:], None, id="version ff"),
        pytest.param(TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), None, id="zeros"),
        pytest.param(TRACE + "-x", None, id="longer"),
    ],
)
def test_keeps_a_valid_traceparent(value: str, kept: str | None) -> None:
    assert read_headers([(b"traceparent", value.encode())]).traceparent == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(b"order 17", "order 17", id="printable"),
        pytest.param(b"a\x1b[2J", None, id="escape"),
        pytest.param(b"\xff", None, id="not ASCII"),
        pytest.param(b"a" * 257, None, id="257 characters"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_keeps_a_printable_correlation_id(value: bytes, kept: str | None) -> None:
    assert read_headers([(b"x-correlation-id", value)]).correlation_id == kept


def test_prefers_the_own_correlation_header() -> None:
    headers = read_headers([(b"x-correlation-id", b"a"), (b"webhook-correlation-id", b"b")])

    assert headers.correlation_id == "b"


def test_takes_over_a_sane_request_id_only() -> None:
    assert read_headers([(b"x-request-id", b"r-1")]).request_id == "r-1"
    assert read_headers([(b"x-request-id", b'x"\n{')]).request_id is None
    assert read_headers([]).request_id is None
