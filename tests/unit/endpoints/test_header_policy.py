import pytest

from endpoints.header_policy import HEADERS_MAX, HeaderFault, check_headers, name_fault, value_fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("X-Team", "billing", id="plain"),
        pytest.param("Authorization", "Bearer abc.def", id="authorization"),
        pytest.param("X-Api-Key", "k", id="api-key"),
        pytest.param("Accept", "application/json", id="accept"),
        pytest.param("Idempotency-Key", "1", id="idempotency-key"),
        pytest.param("x", "", id="empty-value"),
        pytest.param("!#$%&'*+-.^_`|~0aZ", "~ \t!", id="every-token-character"),
        pytest.param("n" * 64, "v" * 4096, id="longest"),
        pytest.param("X-Content-Type", "a", id="content-not-as-prefix"),
    ],
)
def test_allows(name, value):
    assert check_headers([(name, value)]) == []


DENIED = [
    "Host",
    "CONTENT-LENGTH",
    "content-type",
    "Content-Encoding",
    "content-language",
    "Content-Location",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Trailers",
    "Upgrade",
    "Expect",
    "Cookie",
    "Cookie2",
    "Proxy-Authorization",
    "proxy-authenticate",
    "Proxy-Connection",
    "Accept-Encoding",
    "User-Agent",
    "Webhook-Id",
    "webhook-signature",
    "webhook-timestamp",
    "webhook-hop",
    "WEBHOOK-anything",
    "svix-id",
    "Svix-Signature",
    "x-svix-a",
    "X-Amz-Date",
    "x-amzn-trace-id",
    "X-Google-A",
    "X-Goog-A",
    "x-gfe-a",
    "x-azure-a",
    "X-FD-HealthProbe",
    "age",
    "cache-control",
    "clear-site-data",
    "expires",
    "pragma",
    "warning",
    "traceparent",
    "tracestate",
    "http2-settings",
]


@pytest.mark.parametrize("name", DENIED)
def test_refuses_reserved_names_in_any_case(name):
    assert check_headers([(name, "1")]) == [HeaderFault(name, "the name is reserved")]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("X A", id="space"),
        pytest.param("X:A", id="colon"),
        pytest.param("X\tA", id="tab"),
        pytest.param("X\r\nA", id="crlf"),
        pytest.param("X\x00A", id="nul"),
        pytest.param("X-\u00e9", id="non-ascii"),
        pytest.param("X\n", id="trailing-newline"),
        pytest.param("X(a)", id="parentheses"),
        pytest.param("n" * 65, id="too-long"),
    ],
)
def test_refuses_what_is_no_name(name):
    assert name_fault(name) is not None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\r\nX-Evil: 1", id="crlf"),
        pytest.param("a\n", id="trailing-newline"),
        pytest.param("a\rb", id="cr"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("a\x0bb", id="vertical-tab"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("caf\u00e9", id="latin-1"),
        pytest.param("\u2028", id="line-separator"),
        pytest.param("\udc80", id="lone-surrogate"),
        pytest.param("v" * 4097, id="too-long"),
    ],
)
def test_refuses_what_is_no_value(value):
    assert value_fault(value) is not None


def test_names_every_fault_and_shows_no_value():
    faults = check_headers([("Host", "x"), ("X-Ok", "1"), ("x-ok", "2"), ("X-Bad", "sec\nret")])

    assert [(f.name, f.message.split()[-1]) for f in faults] == [
        ("Host", "reserved"),
        ("x-ok", "apart"),
        ("X-Bad", "tabs"),
    ]
    assert "sec" not in str(faults)


def test_twenty_headers_are_enough():
    headers = [(f"X-{n}", "1") for n in range(HEADERS_MAX + 1)]

    assert check_headers(headers[:-1]) == []
    assert check_headers(headers) == [HeaderFault("", "at most 20 headers are allowed")]
