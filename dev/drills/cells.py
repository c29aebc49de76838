"""A drill about two platforms on two PostgreSQL servers behind one name: docs/scaling.md."""

import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EventTypeIn,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError

from dev.drills.beside import beside
from dev.drills.receiver import Receiver
from dev.drills.rig import Check, DrillError, Platform, Rig, rigged, wait_for
from dev.drills.routers import Router, routing
from webhooks_platform.lib import ids

_FIRST, _SECOND = "c1", "c2"
_EVENT = "order.paid"
#: Seconds that receivers ponder, so that sends are open when a cell's PostgreSQL dies.
_DELAY = 0.5
_OPEN = 40
_PER_SECOND = 50.0
_RING = "WEBHOOKS_ENCRYPTION_KEYS"
_NOT_FOUND, _UNAVAILABLE = 404, 503
_OF_TENANT = "event WHERE tenant_id = (SELECT id FROM tenant WHERE uid = '{}')"
_ORGANIZATION = "SELECT id FROM organization WHERE is_default"


@dataclass
class Customer:
    """An organization with one tenant, of which the official SDK tells the router alone."""

    name: str
    home: Platform
    svix: Svix
    key: str
    acked: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def settle(self) -> None:
        """Make tenant and endpoint; the receiver learns the secret."""
        path, url = f"/{self.name}", self.home.receiver.url
        self.svix.event_type.create(EventTypeIn(name=_EVENT, description="paid"))
        self.svix.application.create(ApplicationIn(name=self.name, uid=self.name))
        there = EndpointIn(url=url.replace("/hook", path))
        endpoint = self.svix.endpoint.create(self.name, there).id
        secret = self.svix.endpoint.get_secret(self.name, endpoint).key
        self.home.receiver.keys[path] = b64decode(secret.removeprefix("whsec_"))

    def publish(self, count: int) -> None:
        for number in range(count):
            self._publish(MessageIn(event_type=_EVENT, payload={"number": number}))

    def wait_delivered(self) -> None:
        wanted, receiver = set(self.acked), self.home.receiver
        wait_for(f"{self.name}'s events", lambda: wanted <= set(receiver.by_event), within=60)

    def publish_until(self, over: threading.Event) -> None:
        while not over.wait(1 / _PER_SECOND):
            self.publish(1)

    def _publish(self, message: MessageIn) -> None:
        try:
            self.acked.append(self.svix.message.create(self.name, message).id)
        except HttpError as error:
            self.refused[error.status_code] += 1
        except httpx.TransportError:
            self.refused[0] += 1


def cells(rig: Rig, events: int) -> list[Check]:
    """Two cells behind one name: each has its own, one dies alone, an organization moves."""
    with _two_cells(rig) as (router, alice, bob):
        return [
            Check("router", router.name, True),
            *_apart(alice, bob, events),
            *_outage(alice, bob, events),
            *_move(router, alice, bob, events),
        ]


@contextmanager
def _two_cells(rig: Rig) -> Iterator[tuple[Router, Customer, Customer]]:
    """Run everything, with `alice` in the first cell and `bob` in the second."""
    with ExitStack() as stack:
        other = stack.enter_context(rigged())
        first = stack.enter_context(rig.platform(_settings(_FIRST), workers=1, beats=0))
        second = stack.enter_context(other.platform(_settings(_SECOND), workers=1, beats=0))
        ports = {_FIRST: first.services.port, _SECOND: second.services.port}
        directory = rig.directory / "router"
        directory.mkdir()
        router = stack.enter_context(routing(ports, directory, rig.guardian))
        customers = _customer("alice", first, router), _customer("bob", second, router)
        for customer in customers:
            # The SDK has no way to close its connections.
            stack.enter_context(customer.svix._httpx_client)
            customer.settle()
        yield router, *customers


def _settings(cell: str) -> dict[str, str]:
    # Either cell may send to either receiver, for a moved endpoint keeps its own.
    return {"WEBHOOKS_CELL": cell, "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.1/32"}


def _customer(name: str, home: Platform, router: Router) -> Customer:
    key = home.services.manage("create_api_key", "--platform", name)
    # Each answer counts, so the SDK must not hide one by trying again.
    options = SvixOptions(server_url=router.url, retry_schedule=[])
    return Customer(name, home, Svix(key, options), key)


def _apart(alice: Customer, bob: Customer, events: int) -> list[Check]:
    """Publish for both, and look for each in the other's database, and with the other's key."""
    for customer in (alice, bob):
        customer.publish(events)
    for customer in (alice, bob):
        customer.wait_delivered()
        customer.home.wait_settled(within=30)
    return [
        *[_stored(customer, events) for customer in (alice, bob)],
        *[_verified(customer) for customer in (alice, bob)],
        Check("foreign tenants", foreign := _foreign(alice, bob), foreign == [0, 0]),
        Check("other's key", met := _trespass(alice, bob), met == _NOT_FOUND),
    ]


def _stored(customer: Customer, events: int) -> Check:
    stored = customer.home.count("event")
    return Check(f"{customer.name}'s", stored, stored == len(customer.acked) == events)


def _verified(customer: Customer) -> Check:
    """Every request to a customer's endpoint was signed, and with its own secret."""
    receiver: Receiver = customer.home.receiver
    genuine = receiver.unverified == 0 and receiver.verified == receiver.requests
    return Check("signed", receiver.verified, genuine)


def _foreign(alice: Customer, bob: Customer) -> list[int]:
    return [
        mine.home.count(f"tenant WHERE uid = '{theirs.name}'")
        for mine, theirs in ((alice, bob), (bob, alice))
    ]


def _trespass(alice: Customer, bob: Customer) -> int:
    try:
        alice.svix.message.create(bob.name, MessageIn(event_type=_EVENT, payload={}))
    except HttpError as error:
        return int(error.status_code)
    return 0


def _outage(alice: Customer, bob: Customer, events: int) -> list[Check]:
    """Kill the first cell's PostgreSQL with deliveries open: the second goes on."""
    before = len(bob.acked)
    alice.home.receiver.delay = _DELAY
    alice.publish(_OPEN)
    wait_for("open sends", lambda: alice.home.receiver.open > 0, within=30)
    sending = alice.home.receiver.open
    alice.home.stores.postgres.kill()
    alice.publish(events)
    bob.publish(events)
    bob.wait_delivered()
    alice.home.receiver.delay = 0.0
    return [
        Check("open at the kill", sending, sending > 0),
        Check("refused", dict(alice.refused), alice.refused == {_UNAVAILABLE: events}),
        Check("bob meanwhile", len(bob.acked) - before, len(bob.acked) - before == events),
        Check("bob refused", dict(bob.refused), not bob.refused),
        *_return(alice),
    ]


def _return(alice: Customer) -> list[Check]:
    """Start the dead PostgreSQL: what was accepted arrives, what was refused does not."""
    alice.home.stores.postgres.start()
    up = time.monotonic()
    wait_for("202 after the return", lambda: _accepted(alice), within=30)
    recovered = round(time.monotonic() - up, 1)
    alice.wait_delivered()
    alice.home.wait_settled(within=90)
    stored = alice.home.count("event")
    return [
        Check("accepting again after s", recovered, True),
        Check("accepted", len(alice.acked), stored == len(alice.acked)),
        Check("stored", stored, stored == len(set(alice.home.receiver.by_event))),
        _verified(alice),
    ]


def _accepted(customer: Customer) -> bool:
    before = len(customer.acked)
    customer.publish(1)
    return len(customer.acked) > before


def _move(router: Router, alice: Customer, bob: Customer, events: int) -> list[Check]:
    """Take the first organization to the second cell while it publishes; key and ids stay."""
    _open_both_rings(alice.home, bob.home)
    alice.refused.clear()
    stayed, before = alice.home.count("event"), len(alice.acked)
    with beside(alice.publish_until):
        wait_for("publishes", lambda: len(alice.acked) > before, within=30)
        _take_over(alice.home, bob.home)
        router.move(alice.key, _SECOND)
        wait_for("publishes there", lambda: _arrived(alice, bob) > 0, within=30)
    alice.publish(events)
    alice.wait_delivered()
    there, left = _arrived(alice, bob), alice.home.count("event")
    bob.home.services.manage("rotate_encryption_key")
    return [
        Check("before the move", left - stayed, left > stayed),
        Check("after it", there, there >= events and left + there == len(alice.acked)),
        Check("refused in the move", dict(alice.refused), not alice.refused),
        _verified(alice),
        Check("keys left", stale := _other_keys(bob.home), stale == 0),
    ]


def _open_both_rings(old: Platform, new: Platform) -> None:
    """Restart the new cell with the old one's key behind its own."""
    services = new.services
    services.environment[_RING] = ",".join(
        platform.services.environment[_RING] for platform in (new, old)
    )
    for process in (services.api, *services.workers):
        process.restart()
    services.wait()


def _take_over(old: Platform, new: Platform) -> None:
    file = old.services.run_dir / "organization"
    organization = ids.to_text(ids.ORGANIZATION, old.query(_ORGANIZATION)[0][0])
    file.write_text(old.services.manage("export_organization", organization) + "\n")
    if new.services.manage("import_organization", str(file)) != organization:
        raise DrillError("the organization has another id")


def _arrived(alice: Customer, bob: Customer) -> int:
    return bob.home.count(_OF_TENANT.format(alice.name))


def _other_keys(platform: Platform) -> int:
    """Count the secrets that are not sealed with the commonest key."""
    rows = platform.query("SELECT count(*) FROM signing_secret GROUP BY key_id ORDER BY 1 DESC")
    return sum(count for (count,) in rows[1:])
