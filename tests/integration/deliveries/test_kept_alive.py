"""Connections between requests: reused when that is safe, and never anything sent twice."""

import asyncio
import socket
import struct
import threading

import pytest

from deliveries.transport import door as door_module
from deliveries.transport import idle_connections
from tests.integration.deliveries.scripted import (
    OK,
    Receiver,
    Visit,
    always,
    once,
    send,
    silence,
    transport,
)


def ids(receiver: Receiver) -> list[bytes]:
    return [text.partition(b"webhook-id: ")[2].partition(b"\r\n")[0] for text in receiver.requests]


async def deliver(door, receiver: Receiver, number: int, **options):
    headers = [(b"webhook-id", b"msg_%d" % number)]
    return await send(door, receiver.url(), headers=headers, **options)


def test_many_at_once_each_have_a_connection_and_keep_it(run):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            for _ in range(3):
                answers = await asyncio.gather(*[deliver(door, receiver, n) for n in range(50)])
                assert {answer.status for answer in answers} == {200}
            assert (receiver.visits, door.opened, door.reused) == (50, 50, 100)

    run(main())


def test_no_send_waits_behind_hanging_ones(run):
    async def script(visit: Visit) -> None:
        await (silence if visit.number <= 300 else always(OK))(visit)

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            hanging = [asyncio.create_task(deliver(door, receiver, n)) for n in range(300)]
            while len(receiver.requests) < 300:
                await asyncio.sleep(0.001)
            assert (await deliver(door, receiver, 300)).duration_ms < 500
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    run(main())


def test_a_server_that_closes_after_every_answer_costs_nothing(run):
    async def main():
        async with Receiver(once(OK)) as receiver, transport(receiver) as door:
            for number in range(1_000):
                answer = await deliver(door, receiver, number)
                assert (answer.status, answer.error_kind) == (200, None)
            assert ids(receiver) == [b"msg_%d" % n for n in range(1_000)]

    run(main())


def _server_that_closes(listener: socket.socket, closed: threading.Event, reset: bool) -> None:
    """Answer one request, close while the client is not looking, then serve another visit."""
    for _ in range(2):
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(OK)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        closed.set()


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_an_end_that_the_loop_has_not_seen_yet_is_noticed_before_sending(run, reset):
    closed = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_server_that_closes, args=(listener, closed, reset))
    thread.start()

    async def main():
        receiver = Receiver(silence, port=listener.getsockname()[1])
        async with transport(receiver) as door:
            assert (await deliver(door, receiver, 1)).status == 200
            # The loop stands still meanwhile, so only the kernel knows of the end.
            assert closed.wait(5)
            answer = await deliver(door, receiver, 2)
            assert (answer.status, answer.reused) == (200, False)

    run(main())
    thread.join()
    listener.close()


def _hangs_up_at_second(reset: bool) -> object:
    async def script(visit: Visit) -> None:
        await visit.answer(OK)
        await visit.request()
        if reset:
            visit.writer.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            visit.writer.transport.abort()

    return script


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_reused_connection_that_breaks_before_any_byte_is_stale_and_not_sent_again(run, reset):
    async def main():
        async with Receiver(_hangs_up_at_second(reset)) as receiver, transport(receiver) as door:
            results = [await deliver(door, receiver, n) for n in range(6)]
            assert [(a.status, a.error_kind) for a in results] == [
                (200, None),
                (0, "stale_connection"),
            ] * 3
            assert ids(receiver) == [b"msg_%d" % n for n in range(6)]

    run(main())


def test_after_one_stale_connection_the_origins_others_are_not_trusted(run):
    async def main():
        async with Receiver(_hangs_up_at_second(False)) as receiver, transport(receiver) as door:
            await asyncio.gather(*[deliver(door, receiver, n) for n in range(3)])
            assert (await deliver(door, receiver, 3)).error_kind == "stale_connection"
            assert (await deliver(door, receiver, 4)).status == 200
            assert (receiver.visits, door.reused) == (4, 1)

    run(main())


def test_a_retry_may_ask_for_a_fresh_connection(run):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            await deliver(door, receiver, 1)
            assert (await deliver(door, receiver, 2, fresh_connection=True)).reused is False
            assert (receiver.visits, door.opened) == (2, 2)

    run(main())


async def _reads_then_closes(visit: Visit) -> None:
    await visit.request()


async def _closes_within_the_head(visit: Visit) -> None:
    await visit.answer(b"HTTP/1.1 200 OK\r\nX: ")


async def _second_answer_breaks_within_the_head(visit: Visit) -> None:
    await visit.answer(OK)
    await visit.answer(b"HTTP/1.1")


@pytest.mark.parametrize("script", [_reads_then_closes, _closes_within_the_head])
def test_a_fresh_connection_that_closes_without_an_answer_is_theirs(run, script):
    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            answer = await deliver(door, receiver, 1)
            assert (answer.status, answer.error_kind) == (0, "connection_closed")
            assert ids(receiver) == [b"msg_1"]

    run(main())


def test_a_reused_connection_that_breaks_within_the_answer_is_theirs(run):
    async def main():
        script = _second_answer_breaks_within_the_head
        async with Receiver(script) as receiver, transport(receiver) as door:
            await deliver(door, receiver, 1)
            answer = await deliver(door, receiver, 2)
            assert (answer.status, answer.error_kind, answer.reused) == (
                0,
                "connection_closed",
                True,
            )
            assert ids(receiver) == [b"msg_1", b"msg_2"]

    run(main())


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(b"X", id="one-byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", id="second-answer"),
        pytest.param(b"\r\n\r\n garbage", id="garbage"),
    ],
)
def test_bytes_after_an_answer_end_the_connection_and_answer_nothing(run, extra):
    async def main():
        async with Receiver(always(OK + extra)) as receiver, transport(receiver) as door:
            for number in range(3):
                answer = await deliver(door, receiver, number)
                assert (answer.status, answer.excerpt) == (200, b"ok")
            assert (receiver.visits, door.reused) == (3, 0)

    run(main())


def test_bytes_that_come_while_idle_end_the_connection(run):
    sent = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.answer(OK)
        await asyncio.sleep(0.01)
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        sent.set()
        await visit.reader.read()

    async def main():
        async with Receiver(script) as receiver, transport(receiver) as door:
            for number in range(2):
                sent.clear()
                answer = await deliver(door, receiver, number)
                assert (answer.status, answer.excerpt) == (200, b"ok")
                await sent.wait()
            assert (receiver.visits, door.reused) == (2, 0)

    run(main())


def test_the_receivers_own_limit_is_kept_with_a_margin(run):
    answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=5\r\nContent-Length: 0\r\n\r\n"

    async def main():
        async with Receiver(always(answer)) as receiver, transport(receiver) as door:
            for number in range(2):
                await deliver(door, receiver, number)
            assert (receiver.visits, door.reused) == (2, 0)

    run(main())


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "AGE_SECONDS"])
def test_idle_and_old_connections_are_closed_by_the_sweep(run, monkeypatch, limit):
    monkeypatch.setattr(idle_connections, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(idle_connections, limit, 0.02)

    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver) as door:
            await deliver(door, receiver, 1)
            while not receiver.closed:
                await asyncio.sleep(0.005)
            assert (await deliver(door, receiver, 2)).reused is False

    run(main())


@pytest.mark.parametrize(
    "options", [{"idle_per_origin": 2}, {"idle_total": 2}], ids=["per-origin", "in-all"]
)
def test_only_so_many_idle_connections_are_kept(run, options):
    async def main():
        async with Receiver(always(OK)) as receiver, transport(receiver, **options) as door:
            await asyncio.gather(*[deliver(door, receiver, n) for n in range(5)])
            while receiver.closed < 3:
                await asyncio.sleep(0)
            await asyncio.gather(*[deliver(door, receiver, n) for n in range(5)])
            assert (door.opened, door.reused) == (8, 2)

    run(main())


def test_when_many_origins_fill_the_pool_the_oldest_gives_way(run):
    async def main():
        async with (
            Receiver(always(OK)) as first,
            Receiver(always(OK)) as second,
            transport(first, second, idle_total=1) as door,
        ):
            for receiver in (first, second, second, first):
                await send(door, receiver.url())
            assert (first.visits, second.visits, door.reused) == (2, 1, 1)

    run(main())


def test_closing_the_door_closes_every_connection(run):
    async def main():
        async with Receiver(always(OK)) as receiver:
            async with transport(receiver) as door:
                await asyncio.gather(*[deliver(door, receiver, n) for n in range(5)])
            while receiver.closed < 5:
                await asyncio.sleep(0)

    run(main())


def test_the_defaults_hold_what_one_worker_has_in_flight():
    assert door_module.IDLE_PER_ORIGIN >= 256
    assert door_module.IDLE_TOTAL >= door_module.IDLE_PER_ORIGIN
