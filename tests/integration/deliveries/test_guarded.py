"""The door as an httpx transport: the same guard, httpx's manners."""

import httpx
import pytest

from deliveries.transport import BlockedTargetError, GuardedTransport, Transport
from endpoints.address_policy import AddressPolicy
from tests.integration.deliveries.scripted import OK, Receiver, Visit, always, silence, transport


def client(door: Transport, **options: object) -> httpx.AsyncClient:
    guarded = GuardedTransport(door, **options)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=guarded, trust_env=False)


def test_posts_a_form_and_reads_json(run):
    answer = b'{"token":"a"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def main():
        async with (
            Receiver(always(head % len(answer) + answer)) as receiver,
            transport(receiver) as door,
            client(door) as http,
        ):
            url = receiver.url(target="/token").replace("//", "//id:secret@")
            response = await http.post(url, data={"grant_type": "client_credentials"})
            assert response.json() == {"token": "a"}
            sent = receiver.requests[0]
            assert sent.startswith(b"POST /token HTTP/1.1\r\nHost: 127.0.0.1:")
            assert sent.endswith(b"\r\n\r\ngrant_type=client_credentials")
            assert sent.lower().count(b"content-length:") == 1
            assert (
                sent.count(b"\r\nauthorization: Basic ") + sent.count(b"\r\nAuthorization: Basic ")
                == 1
            )
            assert b"\r\nAccept-Encoding: identity\r\n" in sent

    run(main())


def test_gets_without_a_length_and_with_the_wanted_type(run):
    async def main():
        async with (
            Receiver(always(OK)) as receiver,
            transport(receiver) as door,
            client(door) as http,
        ):
            response = await http.get(receiver.url(), headers={"Accept": "application/json"})
            assert (response.status_code, response.content) == (200, b"ok")
            assert b"content-length" not in receiver.requests[0].lower()
            assert receiver.requests[0].count(b"\r\nAccept: application/json\r\n") == 1

    run(main())


def test_redirects_are_left_to_the_client_which_does_not_follow(run):
    redirect = b"HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"

    async def main():
        async with (
            Receiver(always(redirect)) as receiver,
            transport(receiver) as door,
            client(door) as http,
        ):
            assert (await http.get(receiver.url())).status_code == 302

    run(main())


async def _closes(visit: Visit) -> None:
    await visit.request()


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(silence, httpx.ReadTimeout, id="silence"),
        pytest.param(_closes, httpx.RemoteProtocolError, id="closed"),
        pytest.param(always(b"nonsense\r\n\r\n"), httpx.RemoteProtocolError, id="nonsense"),
        pytest.param(always(LONG), httpx.ReadError, id="too-long"),
        pytest.param(always(PACKED), httpx.DecodingError, id="compressed"),
    ],
)
def test_failures_are_httpx_errors(run, script, error):
    async def main():
        async with (
            Receiver(script) as receiver,
            transport(receiver) as door,
            client(door, read_max=50) as http,
        ):
            with pytest.raises(error):
                await http.post(receiver.url(), content=b"x", timeout=0.2)
            assert len(receiver.requests) == 1

    run(main())


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param("http://127.0.0.1:1/", BlockedTargetError, id="inside"),
        pytest.param("http://localhost:1/", BlockedTargetError, id="localhost"),
        pytest.param("ftp://e.test/", httpx.UnsupportedProtocol, id="scheme"),
    ],
)
def test_the_guard_holds(run, url, error):
    async def main():
        async with Transport(policy=AddressPolicy()) as door, client(door) as http:
            with pytest.raises(error) as refusal:
                await http.get(url)
            assert "127.0.0.1" not in str(refusal.value)

    run(main())


def test_other_methods_and_bad_headers_are_never_sent(run):
    async def main():
        async with (
            Receiver(always(OK)) as receiver,
            transport(receiver) as door,
            client(door) as http,
        ):
            with pytest.raises(httpx.UnsupportedProtocol):
                await http.head(receiver.url())
            with pytest.raises(httpx.LocalProtocolError):
                await http.get(receiver.url(), headers={"Accept": "a\r\nX: b"})
            assert receiver.visits == 0

    run(main())
