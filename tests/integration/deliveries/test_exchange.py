"""What goes over the wire, and what each kind of answer becomes."""

import asyncio
import gzip

import pytest

from tests.integration.deliveries.scripted import (
    OK,
    Receiver,
    Visit,
    always,
    request,
    send,
    silence,
    transport,
)


def test_writes_exactly_this_request(run):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            answer = await send(
                door,
                receiver.url(target="/hook?a=b"),
                headers=[(b"Content-Type", b"application/json"), (b"webhook-id", b"msg_1")],
                custom_headers=(("X-Team", "billing"),),
            )
            assert receiver.requests == [
                b"POST /hook?a=b HTTP/1.1\r\n"
                b"Host: 127.0.0.1:%d\r\n"
                b"User-Agent: webhooks-platform\r\n"
                b"Accept-Encoding: identity\r\n"
                b"Connection: keep-alive\r\n"
                b"Accept: */*\r\n"
                b"X-Team: billing\r\n"
                b"Content-Type: application/json\r\n"
                b"webhook-id: msg_1\r\n"
                b"Content-Length: 7\r\n\r\n"
                b'{"a":1}' % receiver.port
            ]
            assert (answer.status, answer.error_kind, answer.excerpt) == (200, None, b"ok")
            assert (answer.truncated, answer.reused, answer.address) == (False, False, "127.0.0.1")
            assert answer.header(b"content-length") == b"2"
            assert 0 < answer.connect_ms <= answer.duration_ms

    run(main())


def test_credentials_of_the_url_are_sent_as_basic_unless_the_tenant_sets_its_own(run):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            url = receiver.url().replace("//", "//u:p@")
            await send(door, url)
            await send(door, url, custom_headers=(("authorization", "Bearer x"),))
            assert b"\r\nAuthorization: Basic dTpw\r\n" in receiver.requests[0]
            assert b"\r\nauthorization: Bearer x\r\n" in receiver.requests[1]
            assert receiver.requests[1].lower().count(b"authorization:") == 1
            assert not any(b"u:p" in text for text in receiver.requests)

    run(main())


EMPTY = b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "excerpt"),
    [
        pytest.param(OK, 200, b"ok", id="length"),
        pytest.param(b"HTTP/1.1 201 Created\r\n" + EMPTY, 201, b"", id="empty"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b"", id="304"),
        pytest.param(b"HTTP/1.1 200\r\n" + EMPTY, 200, b"", id="no-reason"),
        pytest.param(b"HTTP/1.1 200 \r\n" + EMPTY, 200, b"", id="empty-reason"),
        pytest.param(b"HTTP/1.1 503 " + b"x" * 8192 + b"\r\n" + EMPTY, 503, b"", id="8k-reason"),
        pytest.param(b"HTTP/1.1 999 Odd\r\n" + EMPTY, 999, b"", id="999"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nok\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"ok",
            id="chunked-with-extension-and-trailer",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
            200,
            b"ok",
            id="interim-answers",
        ),
        pytest.param(
            b"HTTP/1.1 500 Oops\r\nX: \xff\xfe\r\nContent-Length: 3\r\n\r\n\x00\xff\x80",
            500,
            b"\x00\xff\x80",
            id="binary",
        ),
    ],
)
def test_reads_answers_of_every_shape_and_keeps_the_connection(run, answer, status, excerpt):
    async def main():
        async with Receiver(always(answer)) as receiver, transport(receiver) as door:
            for _ in range(2):
                result = await send(door, receiver.url())
                assert (result.status, result.error_kind) == (status, None)
                assert (result.excerpt, result.truncated) == (excerpt, False)
            assert len(receiver.requests) == 2
            assert (receiver.visits, door.opened, door.reused) == (1, 1, 1)

    run(main())


@pytest.mark.parametrize(
    ("answer", "excerpt"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end", id="no-length"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", id="http-1.0"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            b"ok",
            id="connection-close",
        ),
    ],
)
def test_answers_that_end_with_the_connection(run, answer, excerpt):
    async def script(visit: Visit) -> None:
        await visit.answer(answer)

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            for _ in range(2):
                result = await send(door, receiver.url())
                assert (result.status, result.excerpt, result.truncated) == (200, excerpt, False)
            assert (receiver.visits, door.reused) == (2, 0)

    run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers_and_never_followed(run, status):
    async def main():
        async with Receiver(always(OK)) as canary:
            location = canary.url().encode()
            redirect = b"HTTP/1.1 %d Go\r\nLocation: %b\r\nRefresh: 0;url=%b\r\n%b" % (
                status,
                location,
                location,
                EMPTY,
            )
            async with Receiver(always(redirect)) as receiver, transport(receiver, canary) as door:
                answer = await send(door, receiver.url())
                assert (answer.status, answer.error_kind) == (status, None)
                assert (len(receiver.requests), canary.visits) == (1, 0)

    run(main())


def test_cookies_are_not_kept(run):
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\n" + EMPTY

    async def main():
        async with Receiver(always(cookie)) as receiver, transport(receiver) as door:
            for _ in range(3):
                await send(door, receiver.url())
            assert not any(b"cookie" in text.lower() for text in receiver.requests)

    run(main())


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_body_is_cut_and_does_not_change_the_status(run, status):
    async def script(visit: Visit) -> None:
        await visit.answer(b"HTTP/1.1 %d X\r\nContent-Length: 10000000000\r\n\r\n" % status)
        while True:
            await visit.send(b"x" * 65536)

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answers = await asyncio.gather(*[send(door, receiver.url()) for _ in range(10)])
            for answer in answers:
                assert (answer.status, answer.error_kind, answer.truncated) == (status, None, True)
                assert answer.excerpt == b"x" * 16_384
                assert answer.duration_ms < 2_000
            assert (len(receiver.requests), door.reused) == (10, 0)

    run(main())


def test_a_compressed_bomb_stays_packed(run):
    bomb = gzip.compress(gzip.compress(b"\0" * 20_000_000, 9), 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n"

    async def main():
        async with (
            Receiver(always(head % len(bomb) + bomb)) as receiver,
            transport(receiver) as door,
        ):
            answer = await send(door, receiver.url())
            assert answer.excerpt == bomb[:16_384]
            assert answer.truncated is (len(bomb) > 16_384)

    run(main())


async def _many_headers(visit: Visit) -> None:
    await visit.answer(b"HTTP/1.1 200 OK\r\n")
    for _ in range(200):
        await visit.send(b"".join(b"X-%d: y\r\n" % n for n in range(1000)))


async def _endless_header(visit: Visit) -> None:
    await visit.answer(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await visit.send(b"y" * 4096)


async def _endless_reason(visit: Visit) -> None:
    await visit.answer(b"HTTP/1.1 200 ")
    while True:
        await visit.send(b"y" * 4096)


async def _endless_interim(visit: Visit) -> None:
    await visit.request()
    while True:
        await visit.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        pytest.param(_many_headers, "too_large", id="200,000-headers"),
        pytest.param(_endless_header, "too_large", id="endless-header"),
        pytest.param(_endless_reason, "too_large", id="endless-reason"),
        pytest.param(_endless_interim, "protocol_error", id="endless-1xx"),
        pytest.param(always(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol_error", id="no-http"),
        pytest.param(always(b"HTTP/2 200\r\n\r\n"), "protocol_error", id="http-2"),
        pytest.param(always(b"\x15\x03\x01\x00\x02"), "protocol_error", id="tls-on-plain"),
        pytest.param(
            always(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "protocol_error",
            id="101",
        ),
        pytest.param(always(b"HTTP/1.1 099 X\r\n" + EMPTY), "protocol_error", id="status-099"),
        pytest.param(always(b"HTTP/1.1 20x X\r\n" + EMPTY), "protocol_error", id="status-20x"),
        pytest.param(
            always(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"),
            "protocol_error",
            id="two-lengths",
        ),
        pytest.param(
            always(
                b"HTTP/1.1 200 X\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"0\r\n\r\n"
            ),
            "protocol_error",
            id="length-and-chunked",
        ),
        pytest.param(
            always(b"HTTP/1.1 200 X\r\nA: b\x01\r\n" + EMPTY), "protocol_error", id="control"
        ),
        pytest.param(
            always(b"HTTP/1.1 200 X\r\nA\x00B: c\r\n" + EMPTY), "protocol_error", id="nul-in-name"
        ),
    ],
)
def test_what_is_no_bounded_http_answer_fails_after_one_request(run, script, kind):
    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answer = await send(door, receiver.url())
            assert (answer.status, answer.error_kind) == (0, kind)
            assert (answer.headers, answer.excerpt) == ((), b"")
            assert answer.duration_ms < 2_000
            assert (len(receiver.requests), receiver.visits) == (1, 1)

    run(main())


def _drip(before: bytes) -> object:
    async def script(visit: Visit) -> None:
        await visit.answer(before)
        while True:
            await visit.send(b"x")
            await asyncio.sleep(0.02)

    return script


async def _interim_drip(visit: Visit) -> None:
    await visit.request()
    while True:
        await visit.send(b"HTTP/1.1 103 E\r\n\r\n")
        await asyncio.sleep(0.05)


BODY = b"HTTP/1.1 %d X\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "status", "kind"),
    [
        pytest.param(silence, 0, "timeout", id="silence"),
        pytest.param(_drip(b"HTTP/1.1 20"), 0, "protocol_error", id="status-line-garbage"),
        pytest.param(_drip(b"HTTP/1.1 200 O"), 0, "timeout", id="reason"),
        pytest.param(_drip(b"HTTP/1.1 200 OK\r\nX: "), 0, "timeout", id="header"),
        pytest.param(_interim_drip, 0, "timeout", id="1xx"),
        pytest.param(_drip(BODY % 200), 200, None, id="body-after-200"),
        pytest.param(_drip(BODY % 500), 500, None, id="body-after-500"),
    ],
)
def test_a_dripping_answer_ends_with_the_deadline(run, script, status, kind):
    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answer = await send(door, receiver.url(), deadline=0.3)
            assert (answer.status, answer.error_kind) == (status, kind)
            assert answer.truncated is (status > 0)
            assert answer.duration_ms < 600
            if kind != "protocol_error":
                assert answer.duration_ms >= 295
            assert len(receiver.requests) == 1
            again = await send(door, receiver.url(), deadline=0.05)
            assert again.reused is False

    run(main())


def test_a_body_that_breaks_after_the_head_leaves_the_status(run):
    async def script(visit: Visit) -> None:
        await visit.answer(b"HTTP/1.1 202 X\r\nContent-Length: 1000\r\n\r\npartial")

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answer = await send(door, receiver.url())
            assert (answer.status, answer.error_kind) == (202, None)
            assert (answer.excerpt, answer.truncated) == (b"partial", True)
            assert answer.is_success

    run(main())


def test_a_megabyte_arrives_whole(run):
    body = bytes(range(256)) * 4096

    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            for _ in range(2):
                assert (await send(door, receiver.url(), body=body)).status == 200
            assert [text.partition(b"\r\n\r\n")[2] for text in receiver.requests] == [body, body]
            assert door.reused == 1

    run(main())


def test_an_answer_before_the_request_is_read_counts_and_ends_the_connection(run):
    async def script(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.send(b"HTTP/1.1 413 Too Large\r\n" + EMPTY)
        await asyncio.sleep(5)

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            for _ in range(2):
                answer = await send(door, receiver.url(), body=b"x" * 30_000_000)
                assert (answer.status, answer.error_kind) == (413, None)
            assert (receiver.visits, door.reused) == (2, 0)

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"custom_headers": (("Host", "evil"),)}, id="host"),
        pytest.param({"custom_headers": (("Content-Length", "999"),)}, id="length"),
        pytest.param({"custom_headers": (("Transfer-Encoding", "chunked"),)}, id="chunked"),
        pytest.param({"custom_headers": (("webhook-signature", "v1,x"),)}, id="signature"),
        pytest.param({"custom_headers": (("X-A", "1\r\nX-B: 2"),)}, id="injection"),
        pytest.param({"custom_headers": (("", "1"),)}, id="empty-name"),
        pytest.param({"custom_headers": (("X", "caf\u00e9"),)}, id="non-ascii"),
        pytest.param({"custom_headers": (("X", "1"), ("x", "2"))}, id="twice"),
        pytest.param(
            {
                "headers": [(b"Omni-Signature", b"t=1")],
                "custom_headers": (("omni-signature", "x"),),
            },
            id="clash-with-the-platform",
        ),
        pytest.param({"headers": [(b"x-request-id", b"a\r\nX: b")]}, id="platform-value"),
        pytest.param({"headers": [(b"x-request-id", b"a\nX: b")]}, id="platform-value-lf"),
        pytest.param({"headers": [(b"x-request-id", b"a\x00")]}, id="platform-value-nul"),
        pytest.param({"headers": [(b"x request", b"a")]}, id="platform-name"),
        pytest.param({"method": "CONNECT"}, id="method"),
    ],
)
def test_what_cannot_be_sent_safely_leaves_no_byte(run, options):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            answer = await send(door, receiver.url(), **options)
            assert (answer.status, answer.error_kind) == (0, "config_error")
            assert (receiver.visits, door.opened) == (0, 0)
            assert "evil" not in answer.error_text

    run(main())


def test_a_cancelled_exchange_hangs_up(run):
    async def main():
        async with Receiver(silence) as receiver, transport(receiver) as door:
            task = asyncio.create_task(door.exchange(request(receiver.url())))
            while not receiver.requests:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not receiver.closed:
                await asyncio.sleep(0)
            assert len(receiver.requests) == 1

    run(main())


def test_hostile_text_is_fit_for_the_database(run):
    body = b"a\x00b\xff\xed\xa0\x80\xe2\x82"

    async def main():
        data = b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        async with Receiver(always(data)) as receiver, transport(receiver) as door:
            text = (await send(door, receiver.url())).excerpt_text
            assert text.startswith("a\ufffdb\ufffd")
            assert "\0" not in text
            assert text.encode("utf-8")

    run(main())
