"""Nothing is dialled but judged addresses, however a name is made to point elsewhere."""

import asyncio
import ipaddress
from collections import Counter
from itertools import count

import pytest

from deliveries.transport import HostsFile, Transport
from deliveries.transport.dialling import BLOCKED_TEXT, Dialler
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
from tests.unit.endpoints.test_address_policy import FORBIDDEN

PUBLIC, INSIDE = "127.0.0.2", "127.0.0.1"


@pytest.fixture
def no_connect(monkeypatch):
    """Count connects instead of making them."""
    dialled: list[str] = []

    async def refuse(self, url, address, tls):
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(Dialler, "_open", refuse)
    return dialled


def blocked(answer) -> bool:
    shown = (answer.status, answer.error_kind, answer.error_text, answer.address, answer.excerpt)
    return shown == (0, "blocked_target", BLOCKED_TEXT, None, b"")


def test_names_for_any_refused_address_are_blocked_without_a_connect(run, no_connect):
    networks = [ipaddress.ip_network(cidr) for cidr in FORBIDDEN]
    places = [(n[0], n[n.num_addresses // 2], n[n.num_addresses - 1]) for n in networks]
    targets = [str(address) for three in places for address in three]
    zone = names(**{f"h{i}": [address] for i, address in enumerate(targets)})

    async def main():
        async with (
            name_server(zone) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            for number, address in enumerate(targets):
                answer = await send(door, f"http://h{number}.test/")
                assert blocked(answer), address
            assert no_connect == []

    run(main())


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "169.254.169.254", "0"],
)
def test_literals_that_were_not_judged_when_saved_are_blocked(run, no_connect, host):
    async def main():
        async with Transport(policy=AddressPolicy()) as door:
            assert blocked(await send(door, f"http://{host}/"))
            assert no_connect == []

    run(main())


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(["1.1.1.1", "127.0.0.1"], id="public-first"),
        pytest.param(["127.0.0.1", "1.1.1.1"], id="public-last"),
        pytest.param(["1.1.1.1", "2606:4700::1111", "::1"], id="ipv6-loopback"),
        pytest.param(["10.0.0.1", "2606:4700::1111"], id="ipv4-private"),
        pytest.param([*[f"1.1.1.{n}" for n in range(20)], "10.0.0.1"], id="beyond-what-is-dialled"),
    ],
)
def test_one_refused_answer_refuses_the_name(run, no_connect, answers):
    async def main():
        async with (
            name_server(names(mixed=answers)) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            assert blocked(await send(door, "http://mixed.test/"))
            assert no_connect == []

    run(main())


def test_a_name_that_changes_its_mind_never_reaches_inside(run):
    turns = {"A": count(), "AAAA": count()}

    def zone(name: str, kind: str) -> list[str]:
        if kind == "AAAA":
            return ["::1"] if next(turns[kind]) % 3 == 2 else []
        return [INSIDE if next(turns[kind]) % 2 else PUBLIC]

    async def main():
        async with (
            Receiver(always(OK), host=PUBLIC) as public,
            Receiver(always(OK), host=INSIDE, port=public.port) as canary,
            name_server(zone) as server,
            transport(public, resolver=resolver(server)) as door,
        ):
            url = f"http://flip.test:{public.port}/"
            results = [await send(door, url, fresh_connection=True) for _ in range(1_000)]
            answers = Counter(str(answer.error_kind) for answer in results)
            assert set(answers) == {"None", "blocked_target"}
            assert min(answers.values()) > 100
            assert len(public.requests) == answers["None"]
            assert canary.visits == 0

    run(main())


def test_the_judged_address_is_dialled_and_the_name_is_what_is_sent(run):
    async def main():
        async with (
            Receiver(always(OK)) as receiver,
            name_server(names(shop=[INSIDE])) as server,
            transport(receiver, resolver=resolver(server)) as door,
        ):
            answer = await send(door, f"http://SHOP.test:{receiver.port}/x")
            assert (answer.status, answer.address) == (200, INSIDE)
            assert b"\r\nHost: shop.test:%d\r\n" % receiver.port in receiver.requests[0]
            # Another name on the same address has a connection of its own.
            await send(door, f"http://{INSIDE}:{receiver.port}/x")
            assert receiver.visits == 2

    run(main())


def test_a_failing_name_server_does_not_open_the_guard(run):
    turns = count()

    def zone(name: str, kind: str) -> list[str] | str:
        return "SERVFAIL" if next(turns) < 4 else ([INSIDE] if kind == "A" else [])

    async def main():
        async with (
            Receiver(always(OK)) as canary,
            name_server(zone) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            for _ in range(3):
                answer = await send(door, f"http://flaky.test:{canary.port}/")
                assert answer.status == 0
            assert canary.visits == 0

    run(main())


def test_an_open_and_a_closed_port_behind_the_guard_look_alike(run):
    async def main():
        async with (
            Receiver(always(OK)) as canary,
            name_server(names(inside=[INSIDE])) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            for port in (canary.port, 1):
                answer = await send(door, f"http://inside.test:{port}/")
                assert blocked(answer)
                assert answer.duration_ms < 50
            assert canary.visits == 0

    run(main())


def test_the_peer_is_looked_at_again_after_the_connect(run, monkeypatch):
    real_open = Dialler._open

    async def misled(self, url, address, tls):
        return await real_open(self, url, INSIDE, tls)

    monkeypatch.setattr(Dialler, "_open", misled)

    async def main():
        async with Receiver(always(OK), host=INSIDE) as canary:
            policy = AddressPolicy(allowed_networks=[f"{PUBLIC}:{canary.port}"])
            async with Transport(policy=policy) as door:
                assert blocked(await send(door, f"http://{PUBLIC}:{canary.port}/"))
            assert canary.requests == []

    run(main())


def test_the_platforms_own_address_is_blocked_by_name(run, no_connect):
    policy = AddressPolicy(own_hosts=[("hooks.test", 443)])

    async def main():
        async with Transport(policy=policy) as door:
            assert blocked(await send(door, "https://hooks.test/"))

    run(main())


def test_localhost_and_the_hosts_file_are_judged_like_any_answer(run, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 alias.test other # comment\nnonsense line\n::1 alias.test\n")

    async def main():
        async with (
            Receiver(always(OK)) as receiver,
            name_server(names()) as server,
        ):
            urls = [
                f"http://{name}:{receiver.port}/" for name in ("localhost", "a.localhost", "other")
            ]
            closed = Transport(policy=AddressPolicy(), resolver=resolver(server, HostsFile(hosts)))
            async with closed as door:
                assert all([blocked(await send(door, url)) for url in urls])
            policy = AddressPolicy(allowed_networks=["127.0.0.0/8", "::1"])
            opened = Transport(policy=policy, resolver=resolver(server, HostsFile(hosts)))
            async with opened as door:
                statuses = [(await send(door, url)).status for url in urls]
                alias = await send(door, f"http://alias.test:{receiver.port}/")
            assert (statuses, alias.status) == ([200, 200, 200], 200)
            assert server.asked == []

    run(main())


def test_search_domains_are_never_tried(run, monkeypatch, no_connect):
    monkeypatch.setenv("LOCALDOMAIN", "internal.test")
    monkeypatch.setenv("RES_OPTIONS", "ndots:5")

    def zone(name: str, kind: str) -> list[str] | str:
        return [INSIDE] if "internal" in name and kind == "A" else "NXDOMAIN"

    async def main():
        async with (
            name_server(zone) as server,
            Transport(policy=AddressPolicy(), resolver=resolver(server)) as door,
        ):
            answer = await send(door, "http://redis/")
            assert (answer.status, answer.error_kind) == (0, "dns_nx")
            assert {name for name, _ in server.asked} == {"redis."}
            assert no_connect == []

    run(main())


def test_proxy_settings_of_the_environment_are_ignored(run, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {INSIDE} login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async def main():
        async with Receiver(always(OK)) as proxy, Receiver(always(OK)) as receiver:
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.url())
                monkeypatch.setenv(name.upper(), proxy.url())
            async with transport(proxy, receiver) as door:
                assert (await send(door, receiver.url())).status == 200
            assert (proxy.visits, receiver.visits) == (0, 1)
            assert b"authorization" not in receiver.requests[0].lower()

    run(main())


def test_the_next_address_is_tried_when_one_is_closed(run):
    async def main():
        async with (
            Receiver(always(OK), host=PUBLIC) as receiver,
            name_server(names(two=[INSIDE, PUBLIC])) as server,
        ):
            policy = AddressPolicy(allowed_networks=[f"127.0.0.0/8:{receiver.port}"])
            async with Transport(policy=policy, resolver=resolver(server)) as door:
                answer = await send(door, f"http://two.test:{receiver.port}/")
            assert (answer.status, answer.address) == (200, PUBLIC)

    run(main())


def test_a_closed_port_is_refused_and_names_the_address(run):
    async def main():
        async with Receiver(always(OK)) as receiver:
            pass
        async with transport(receiver) as door:
            answer = await asyncio.wait_for(send(door, receiver.url()), 2)
            assert (answer.status, answer.error_kind) == (0, "connect_refused")
            assert answer.address == INSIDE

    run(main())
