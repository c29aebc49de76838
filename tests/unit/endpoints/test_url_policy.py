# ruff: noqa: RUF001 - look-alike letters are what is tested.
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoints.address_policy import AddressPolicy
from endpoints.url_policy import EndpointUrl, UrlNotAllowed, parse_url

POLICY = AddressPolicy()


def save(text: str) -> EndpointUrl:
    url = parse_url(text)
    POLICY.check_literal(url)
    return url


@pytest.mark.parametrize(
    ("text", "display"),
    [
        pytest.param("http://x", "http://x/", id="slash-added"),
        pytest.param("http://x?q=1", "http://x/?q=1", id="slash-before-query"),
        pytest.param("HTTP://ExAmPlE.com:80/A", "http://example.com/A", id="case-and-port"),
        pytest.param("https://e.test:443/", "https://e.test/", id="default-port"),
        pytest.param("https://e.test:/", "https://e.test/", id="empty-port"),
        pytest.param("https://e.test:08443/", "https://e.test:8443/", id="zeros-before-port"),
        pytest.param("http://e.test:443/", "http://e.test:443/", id="other-default-port"),
        pytest.param("https://e.test/a/../b/./c/%2e%2E/d/..", "https://e.test/b/", id="dots"),
        pytest.param("https://e.test/../..", "https://e.test/", id="dots-above-root"),
        pytest.param("https://e.test//a//", "https://e.test//a//", id="empty-segments-kept"),
        pytest.param("https://e.test/a%2Fb", "https://e.test/a%2Fb", id="escapes-kept"),
        pytest.param("https://e.test/ü?ü='", "https://e.test/%C3%BC?%C3%BC=%27", id="escaped"),
        pytest.param("https://e.test/?a=b?c&d=/", "https://e.test/?a=b?c&d=/", id="query-kept"),
        pytest.param("https://faß.de/", "https://xn--fa-hia.de/", id="idna-2008"),
        pytest.param("https://xn--fa-hia.de/", "https://xn--fa-hia.de/", id="a-label"),
        pytest.param("https://localhost/", "https://localhost/", id="localhost"),
        pytest.param("https://localhost./", "https://localhost/", id="trailing-dot"),
        pytest.param("https://foo.localhost/", "https://foo.localhost/", id="below-localhost"),
        pytest.param("https://redis/", "https://redis/", id="one-label"),
        pytest.param("https://my_service/", "https://my_service/", id="underscore"),
        pytest.param("http://nowhere.invalid/", "http://nowhere.invalid/", id="never-resolved"),
        pytest.param("https://1.1.1.1/", "https://1.1.1.1/", id="public-ipv4"),
        pytest.param("https://0x01010101/", "https://1.1.1.1/", id="public-ipv4-in-hex"),
        pytest.param(
            "https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/", id="public-ipv6"
        ),
        pytest.param(
            "https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/", id="v6-port"
        ),
        *(
            pytest.param(f"http://e.test:{p}/", f"http://e.test:{p}/", id=f"port-{p}")
            for p in (22, 25, 6379, 5432, 1, 65535)
        ),
    ],
)
def test_saves_the_canonical_form_and_reads_it_back(text, display):
    url = save(text)

    assert url.display == url.stored == display
    assert parse_url(url.stored) == url


IPV4_SPELLINGS = [
    "2130706433",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "127.1",
    "127.0.1",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",  # noqa: S104 - a host to refuse, nothing binds to it.
    "00000177.1",
    "127.0.0.01",
    "0X7F.1",
]
NO_HOSTS = [
    "4294967296",
    "256.256.256.256",
    "1.2.3.4.5",
    "08.1",
    "e.5",
    "e.0x1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0．0．1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "localhoſt",
    "Кelvin",
    "127.0.0.1%00.e.test",
    "e%2etest",
    "[::1%25lo]",
    "[::1%lo]",
    "[127.0.0.1]",
    "[v1.a]",
    "[]",
    "[::1",
    "::1",
    "..",
    ".",
    ".e.test",
    "a..b",
    "a...b",
    "-a.test",
    "a-.test",
    "a*b.test",
    "a,b.test",
    "xn--a.de",
    "ex\xadample.test",
    "e\u200d.test",
]


@pytest.mark.parametrize(
    "host", [*IPV4_SPELLINGS, "[::1]", "[::]", "[::ffff:127.0.0.1]", "[fe80::1]"]
)
def test_odd_spellings_of_refused_addresses_are_refused(host):
    with pytest.raises(UrlNotAllowed, match="not one that may receive webhooks"):
        save(f"https://{host}/x")


@pytest.mark.parametrize("host", [*NO_HOSTS, "a" * 64 + ".com", ".".join(["a" * 60] * 5)])
def test_what_is_neither_a_name_nor_an_address_is_refused(host):
    with pytest.raises(UrlNotAllowed):
        parse_url(f"https://{host}/x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("https://e.test@127.0.0.1/", "address 127.0.0.1", id="name-as-user"),
        pytest.param("https://127.0.0.1#@e.test/", "fragment", id="fragment-as-host"),
        pytest.param("https://127.0.0.1\\@e.test/", "backslash", id="backslash"),
        pytest.param("https://1.1.1.1 &@2.2.2.2# @3.3.3.3/", "space", id="three-hosts"),
        pytest.param("https://127.0.0.1\t/", "control character", id="tab"),
        pytest.param("https://e.\ntest/", "control character", id="newline"),
        pytest.param(" https://e.test/", "space", id="leading-space"),
        pytest.param("https://e.test/a b", "space", id="space-in-path"),
        pytest.param("https://e.test/\u00a0", "space", id="no-break-space"),
        pytest.param("https://e.test/\udc80", "control character", id="lone-surrogate"),
        pytest.param("https://a@b@e.test/", "user:password@host:port", id="two-at-signs"),
        pytest.param("https://e.test:443:443/", "user:password@host:port", id="two-ports"),
        pytest.param("https://e.test/#x", "fragment", id="fragment"),
        pytest.param("https://e.test/#", "fragment", id="empty-fragment"),
        pytest.param("https:///x", "no host", id="no-host"),
        pytest.param("https://:80/", "no host", id="port-alone"),
        pytest.param("https://u:p@/", "no host", id="user-alone"),
        pytest.param("https:/e.test", "must begin with", id="one-slash"),
        pytest.param("//e.test/x", "must begin with", id="no-scheme"),
        pytest.param("e.test/x", "must begin with", id="bare-host"),
        pytest.param("", "must begin with", id="empty"),
        pytest.param("ftp://e.test/", "scheme 'ftp'", id="ftp"),
        pytest.param("file:///etc/passwd", "scheme 'file'", id="file"),
        pytest.param("gopher://e.test:70/", "scheme 'gopher'", id="gopher"),
        *(
            pytest.param(f"https://e.test:{p}/", "port is not a number", id=f"port-{p!a}")
            for p in ("0", "-1", "65536", "٤٤٣", "+80", "8_0", "000443", "80a")
        ),
        pytest.param("https://u%3a:p@e.test/", "colon", id="colon-in-user"),
        pytest.param("https://u%zz@e.test/", "escapes nothing", id="bad-escape-in-user"),
        pytest.param("https://u%0a@e.test/", "control character", id="newline-in-user"),
        pytest.param("https://u%ff@e.test/", "not UTF-8", id="binary-user"),
        pytest.param("https://e.test/" + "a" * 4096, "longer than 4096", id="too-long"),
    ],
)
def test_refuses_naming_what_is_wrong(text, message):
    with pytest.raises(UrlNotAllowed, match=message):
        save(text)


def test_http_is_refused_where_https_is_demanded():
    with pytest.raises(UrlNotAllowed, match="https://"):
        parse_url("http://e.test/", https_only=True)
    assert parse_url("https://e.test/", https_only=True).scheme == "https"


def test_credentials_are_kept_for_sending_and_shown_nowhere():
    url = parse_url("https://us%65r:p%40ss%3a@e.test/x")

    assert url.userinfo == ("user", "p@ss:")
    assert url.display == "https://e.test/x"
    assert "p@ss" not in repr(url)
    assert parse_url(url.stored) == url


@pytest.mark.parametrize("text", ["https://@e.test/", "https://:@e.test/"])
def test_empty_credentials_are_none(text):
    assert parse_url(text).userinfo is None


def test_a_refusal_does_not_repeat_credentials():
    with pytest.raises(UrlNotAllowed) as refusal:
        parse_url("https://user:hunter2@a..b/")
    assert "hunter2" not in str(refusal.value)


def test_the_platforms_own_address_is_refused_even_where_its_network_is_allowed():
    policy = AddressPolicy(
        allowed_networks=["127.0.0.0/8"], own_hosts=[("hooks.test", 443), ("127.0.0.1", 8000)]
    )
    for text in ("https://hooks.test/x", "https://HOOKS.test:443/", "http://127.1:8000/"):
        with pytest.raises(UrlNotAllowed, match="platform's own"):
            policy.check_literal(parse_url(text))
    policy.check_literal(parse_url("https://hooks.test:8443/"))
    policy.check_literal(parse_url("http://127.0.0.1:8001/"))


URL_LIKE = st.from_regex(
    r"https?://([a-z0-9%\[\]:.@_-]{0,8}@)?[a-zA-Z0-9.\[\]:%x_ſ。①-]{1,20}(:[0-9]{0,6})?"
    r"(/[a-z0-9./%?#\\ü-]{0,12})?",
    fullmatch=True,
)


@settings(max_examples=1_000, deadline=None)
@given(URL_LIKE)
def test_whatever_is_accepted_is_canonical_ascii_and_stable(text):
    try:
        url = parse_url(text)
    except UrlNotAllowed:
        return
    assert parse_url(url.stored) == url
    assert url.display.isascii()
    assert url.host == url.host.lower().strip(".[]")
    assert not set(url.host + url.target) & set(" \t\r\n\\#@") - set("@")
