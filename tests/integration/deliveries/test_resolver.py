"""Name resolution: whose fault a failure is, and that silence holds up nobody else."""

import asyncio
import time

import pytest

from deliveries.transport import ResolutionError, Resolver, Transport
from deliveries.transport import resolver as resolver_module
from endpoints.address_policy import AddressPolicy
from tests.integration.deliveries.scripted import (
    OK,
    Receiver,
    always,
    name_server,
    names,
    resolver,
    send,
    transport,
)


@pytest.fixture
def hasty(monkeypatch):
    """The same rules on a shorter scale."""
    monkeypatch.setattr(resolver_module, "LOOKUP_SECONDS", 0.25)
    monkeypatch.setattr(resolver_module, "PROBE_SECONDS", 0.05)


async def failure(names_of: Resolver, host: str) -> str:
    try:
        await names_of.resolve(host)
    except ResolutionError as error:
        return str(error.kind)
    return "resolved"


def test_each_failure_has_its_name(run, hasty):
    def zone(name: str, kind: str) -> list[str] | str | None:
        half = "half" in name and kind == "A"
        if name.startswith("silent") or half:
            return None
        return {"nx": "NXDOMAIN", "bad": "SERVFAIL", "no": "REFUSED"}.get(
            name.split(".", maxsplit=1)[0], []
        )

    async def main():
        async with name_server(zone) as server:
            names_of = resolver(server)
            hosts = ("nx.test", "empty.test", "bad.test", "no.test", "silent.test", "half.test")
            kinds = [await failure(names_of, host) for host in hosts]
            assert kinds == [
                "dns_nx",
                "dns_nx",
                "dns_error",
                "dns_error",
                "dns_timeout",
                "dns_timeout",
            ]
            await names_of.aclose()

    run(main())


@pytest.mark.parametrize("word", [None, "SERVFAIL"], ids=["silent", "failing"])
def test_when_nothing_resolves_the_fault_is_ours(run, hasty, word):
    async def main():
        async with name_server(lambda name, kind: word) as server:
            names_of = resolver(server)
            assert await failure(names_of, "a.test") == "dns_ours"
            await names_of.aclose()

    run(main())


def test_a_name_server_that_is_not_there_is_our_fault(run, hasty):
    async def main():
        async with name_server(names()) as server:
            port = server.port
        names_of = Resolver(nameservers=["127.0.0.1"], port=port)
        assert await failure(names_of, "a.test") == "dns_ours"
        await names_of.aclose()

    run(main())


def test_a_silent_name_takes_three_seconds_at_most():
    async def main():
        async with name_server(lambda name, kind: None) as server:
            names_of = resolver(server)
            started = time.perf_counter()
            assert await failure(names_of, "a.test") == "dns_ours"
            assert 2.4 < time.perf_counter() - started < 3.3
            await names_of.aclose()

    asyncio.run(main())


def test_a_late_second_family_is_not_waited_for(run, monkeypatch):
    monkeypatch.setattr(resolver_module, "SECOND_FAMILY_SECONDS", 0.05)

    async def main():
        async with name_server(lambda n, kind: ["1.1.1.1"] if kind == "A" else None) as server:
            names_of = resolver(server)
            started = time.perf_counter()
            assert await names_of.resolve("a.test") == ("1.1.1.1",)
            assert time.perf_counter() - started < 0.5
            await names_of.aclose()

    run(main())


def test_equal_lookups_share_one_and_answers_are_kept_as_long_as_they_say(run):
    async def main():
        async with name_server(names(a=["1.1.1.1", "2606:4700::1"]), ttl=60) as server:
            names_of = resolver(server)
            found = await asyncio.gather(*[names_of.resolve("a.test") for _ in range(50)])
            assert set(found) == {("1.1.1.1", "2606:4700::1")}
            await names_of.resolve("a.test")
            assert sorted(server.asked) == [("a.test.", "A"), ("a.test.", "AAAA")]
            await names_of.aclose()

    run(main())


def test_answers_without_a_life_are_asked_for_again_and_failures_are_not(run):
    async def main():
        async with name_server(names(a=["1.1.1.1"]), ttl=0) as server:
            names_of = resolver(server)
            for _ in range(2):
                await names_of.resolve("a.test")
                assert await failure(names_of, "nx.test") == "dns_nx"
            assert server.asked.count(("a.test.", "A")) == 2
            assert server.asked.count(("nx.test.", "A")) == 1
            await names_of.aclose()

    run(main())


def test_one_waiter_giving_up_leaves_the_lookup_to_the_others(run):
    async def main():
        async with name_server(names(a=["1.1.1.1"])) as server:
            names_of = resolver(server)
            first = asyncio.create_task(names_of.resolve("a.test"))
            second = asyncio.create_task(names_of.resolve("a.test"))
            await asyncio.sleep(0)
            first.cancel()
            assert await second == ("1.1.1.1",)
            await names_of.aclose()

    run(main())


def _silent_or_local(name: str, kind: str) -> list[str] | None:
    if name.startswith("silent"):
        return None
    return ["127.0.0.1"] if kind == "A" else []


def test_a_tenant_has_few_lookups_in_flight_and_others_are_not_held_up(run, hasty):
    async def main():
        async with name_server(_silent_or_local) as server:
            names_of = resolver(server)
            waiting = [
                asyncio.create_task(names_of.resolve(f"silent{n}.test", tenant="loud"))
                for n in range(40)
            ]
            while len(set(server.asked)) < 2 * resolver_module.PER_TENANT_MAX:
                await asyncio.sleep(0.001)
            assert await names_of.resolve("healthy.test", tenant="quiet") == ("127.0.0.1",)
            assert len({name for name, _ in server.asked if name.startswith("silent")}) == 8
            failed = await asyncio.gather(*waiting, return_exceptions=True)
            assert {str(error.kind) for error in failed} == {"dns_timeout"}
            await names_of.aclose()

    run(main())


def test_two_hundred_silent_names_do_not_slow_a_healthy_endpoint(run):
    async def main():
        async with (
            Receiver(always(OK)) as receiver,
            name_server(_silent_or_local) as server,
            transport(receiver, resolver=resolver(server)) as door,
        ):
            hanging = []
            for number in range(200):
                url = f"http://silent{number}.test/"
                hanging.append(asyncio.create_task(send(door, url, tenant=f"t{number}")))
                # In turn, because this name server is slower than real ones.
                while len(set(server.asked)) < 2 * len(hanging):
                    await asyncio.sleep(0)
            url = f"http://ok.test:{receiver.port}/"
            answers = [await send(door, url, tenant="t", fresh_connection=True) for _ in range(100)]
            assert not any(task.done() for task in hanging)
            assert {answer.status for answer in answers} == {200}
            assert max(answer.duration_ms for answer in answers) < 1_000
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    run(main())


def test_a_short_deadline_ends_a_lookup(run):
    async def main():
        async with (
            name_server(lambda name, kind: None) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            answer = await send(door, "http://silent.test/", deadline=0.1)
            assert (answer.status, answer.error_kind) == (0, "dns_timeout")
            assert answer.duration_ms < 400

    run(main())
