from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries.transport import Request
from deliveries.transport.request_head import render_head
from endpoints.url_policy import UrlNotAllowed, parse_url

URLS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["", "u:p@", "@", "a@b@", "%41:%42@"]),
    st.text("aA1.-_x:[]%0\u017f\u2460\u3002\xdf", min_size=1, max_size=12),
    st.sampled_from(["", ":80", ":443", ":8443", ":"]),
    st.text("/?a.%2eEfF=&ü;'\"<>|", max_size=12).map(lambda text: "/" + text),
)


@settings(max_examples=2_000, deadline=None)
@given(URLS)
def test_the_host_that_was_judged_is_the_host_that_is_sent(text):
    try:
        url = parse_url(text)
    except UrlNotAllowed:
        return
    head = render_head(Request(url=url, headers=[], body=b"", deadline=1.0), "agent")

    lines = head.decode("ascii").split("\r\n")
    assert lines[0] == f"POST {url.target} HTTP/1.1"
    assert lines[0].count(" ") == 2
    assert lines[1] == f"Host: {url.netloc}"
    assert sum(line.lower().startswith("host:") for line in lines) == 1
    assert lines[-3:] == ["Content-Length: 0", "", ""]
