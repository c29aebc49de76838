"""Headers of one message: sealed for it alone, written over an endpoint's."""

from uuid import uuid4

import pytest

from deliveries import message_headers
from deliveries.transport.messages import Request
from deliveries.transport.request_head import UnsendableError, render_head
from endpoints.url_policy import parse_url
from webhooks_platform.lib.keyring import KeyringError

HEADERS = (("X-Tenant", "7"), ("Content-Type", "text/csv"), ("Authorization", "Bearer t"))


def test_what_is_sealed_opens_for_its_event_alone() -> None:
    event_id = uuid4()
    token = message_headers.seal(HEADERS, event_id=event_id)

    assert b"Bearer" not in token
    assert message_headers.opened(token, event_id=event_id) == HEADERS
    with pytest.raises(KeyringError):
        message_headers.opened(token, event_id=uuid4())


def test_the_content_type_is_told_from_the_others() -> None:
    assert message_headers.split(HEADERS) == ("text/csv", (HEADERS[0], HEADERS[2]))
    assert message_headers.split(HEADERS[:1]) == (None, HEADERS[:1])


def head(**options: object) -> list[str]:
    request = Request(
        url=parse_url("https://u:p@e.test/hook"),
        headers=[(b"webhook-id", b"msg_1")],
        body=b"",
        deadline=1.0,
        **options,  # type: ignore[arg-type]
    )
    return render_head(request, "agent").decode().split("\r\n")


def test_they_win_over_the_endpoints_of_the_same_name() -> None:
    lines = head(
        custom_headers=(("X-Tenant", "endpoint"), ("X-Kept", "1")),
        message_headers=(("x-tenant", "message"), ("authorization", "Bearer t")),
    )

    # The line of Basic authentication and the endpoint's own value are gone.
    assert lines[5:] == [
        "Accept: */*",
        "X-Kept: 1",
        "x-tenant: message",
        "authorization: Bearer t",
        "webhook-id: msg_1",
        "Content-Length: 0",
        "",
        "",
    ]


def test_the_next_message_has_the_endpoints_again() -> None:
    custom = (("X-Tenant", "endpoint"),)
    head(custom_headers=custom, message_headers=(("X-Tenant", "message"),))

    assert "X-Tenant: endpoint" in head(custom_headers=custom)


@pytest.mark.parametrize("name", ["Webhook-Id", "Host", "Content-Length"])
def test_one_of_the_platforms_names_is_never_written(name: str) -> None:
    with pytest.raises(UnsendableError):
        head(message_headers=((name, "x"),))
