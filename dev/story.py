"""What the demo tells: an event refused twice and then delivered, and an endpoint that is dead.

Every step waits, bounded, until what it tells has really happened; else `StoryError`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.request import urlopen

from svix.api import (
    ApplicationIn,
    EndpointIn,
    EventTypeIn,
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptOut,
    MessageIn,
    MessageOut,
    MessageStatus,
    Svix,
)

from dev.errors import DevError
from dev.terminal import say

T = TypeVar("T")

#: Seconds between attempts, instead of a minute to twelve hours.
SCHEDULE = (1, 1)
#: Seconds for one step; the longest needs three.
_WITHIN = 30.0
_POLL = 0.05
_APP, _SHOP, _DEAD = "demo-shop", "shop", "dead"
_DEAD_EVENTS = 3
_EXPECTED = [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.OK]


class StoryError(DevError):
    """A step of the demo did not come true."""


@dataclass(frozen=True)
class Story:
    svix: Svix
    receiver_url: str
    secret: str
    #: Raises when a process of the platform has ended; called while waiting.
    check: Callable[[], None]

    def tell(self) -> None:
        self._set_up()
        published = time.monotonic()
        invoices = self._publish_to_the_dead()
        order = self._publish_order()
        attempts = self._follow(order)
        self._check_signature(order)
        took = time.monotonic() - published
        say(f"delivered  {order.id} after {len(attempts)} attempts, in {took:.1f} s")
        self._show_the_exhausted(invoices)

    def _set_up(self) -> None:
        self.svix.application.create(ApplicationIn(name="Demo shop", uid=_APP))
        for name, text in (("order.paid", "An order was paid"), ("invoice.due", "A bill is due")):
            self.svix.event_type.create(EventTypeIn(name=name, description=text))
        self._add_endpoint(_SHOP, "order.paid", secret=self.secret)
        self._add_endpoint(_DEAD, "invoice.due")

    def _add_endpoint(self, uid: str, event_type: str, secret: str | None = None) -> None:
        url = f"{self.receiver_url}/{uid}"
        endpoint = EndpointIn(url=url, uid=uid, event_types=[event_type], secret=secret)
        self.svix.endpoint.create(_APP, endpoint)

    def _publish_order(self) -> MessageOut:
        order = {"order": 1017, "customer": "Zoë", "total": {"amount": "129.00", "currency": "EUR"}}
        message = self.svix.message.create(_APP, MessageIn(event_type="order.paid", payload=order))
        say(f"published  {message.id} order.paid -> endpoint {_SHOP!r}, with the svix SDK")
        return message

    def _publish_to_the_dead(self) -> set[str]:
        events = [
            MessageIn(event_type="invoice.due", payload={"invoice": number})
            for number in range(1, _DEAD_EVENTS + 1)
        ]
        return {self.svix.message.create(_APP, event).id for event in events}

    def _follow(self, message: MessageOut) -> list[MessageAttemptOut]:
        """Tell of each attempt as it is recorded."""
        told: list[MessageAttemptOut] = []
        while len(told) < len(_EXPECTED):
            attempts = self._wait_for(
                lambda: self._attempts(message.id)[len(told) :],
                f"attempt {len(told) + 1} of {message.id}",
            )
            for attempt in attempts:
                told.append(attempt)
                self._tell_attempt(len(told), attempt)
        codes = [attempt.response_status_code for attempt in told]
        _demand(codes == _EXPECTED, f"the attempts ended {codes}, not as expected")
        return told

    def _attempts(self, message: str) -> list[MessageAttemptOut]:
        """Return the attempts of a message, oldest first."""
        return self.svix.message_attempt.list_by_msg(_APP, message).data[::-1]

    def _tell_attempt(self, number: int, attempt: MessageAttemptOut) -> None:
        status = HTTPStatus(attempt.response_status_code)
        answer = f"{status.value} {status.phrase}"
        line = f"attempt {number}  {answer:<24} {attempt.response_duration_ms:>4} ms"
        say(line if status == HTTPStatus.OK else f"{line}  {self._next_attempt(attempt)}")

    def _next_attempt(self, attempt: MessageAttemptOut) -> str:
        destination = self.svix.message_attempt.list_attempted_destinations(_APP, attempt.msg_id)
        due = destination.data[0].next_attempt if destination.data else None
        asked = attempt.response_status_code == HTTPStatus.TOO_MANY_REQUESTS
        why = "the receiver's Retry-After" if asked else "the schedule"
        return f"next in {_seconds_until(due):.1f} s, by {why}" if due else "next by " + why

    def _check_signature(self, message: MessageOut) -> None:
        with urlopen(f"{self.receiver_url}/receipts", timeout=10) as answer:  # noqa: S310  Ours.
            receipts = [entry for entry in json.load(answer) if entry["path"] == f"/{_SHOP}"]
        _demand(len(receipts) == len(_EXPECTED), f"the receiver saw {len(receipts)} requests")
        for receipt in receipts:
            _demand(receipt["webhook_id"] == message.id, "an attempt carried another webhook-id")
            _demand(receipt["verified"], "the standardwebhooks package refused a signature")
        say("verified   the signature of every attempt, by the receiver's standardwebhooks package")

    def _show_the_exhausted(self, invoices: set[str]) -> None:
        exhausted = self._wait_for(
            lambda: self._exhausted(invoices), "the dead endpoint to exhaust"
        )
        say(
            f"exhausted  endpoint {_DEAD!r} failed every time; given up on, until a person decides:"
        )
        for message, attempts in exhausted.items():
            last = attempts[-1].response_status_code
            say(f"           {message} invoice.due  {len(attempts)} attempts, last answer {last}")

    def _exhausted(self, invoices: set[str]) -> dict[str, list[MessageAttemptOut]] | None:
        """Return the attempts of each given-up message once all are; None before."""
        options = MessageAttemptListAttemptedMessagesOptions(status=MessageStatus.FAIL)
        listed = self.svix.message_attempt.list_attempted_messages(_APP, _DEAD, options).data
        given_up = {message.id for message in listed if message.next_attempt is None}
        if given_up != invoices:
            return None
        found = {message: self._attempts(message) for message in sorted(given_up)}
        _demand(
            all(len(attempts) == len(SCHEDULE) + 1 for attempts in found.values()),
            "a given-up delivery did not use its whole schedule",
        )
        return found

    def _wait_for(self, look: Callable[[], T | None], what: str) -> T:
        """Look until there is something to see. Raises `StoryError` after 30 s."""
        deadline = time.monotonic() + _WITHIN
        while not (seen := look()):
            self.check()
            _demand(time.monotonic() < deadline, f"waited {_WITHIN:g} s in vain for {what}")
            time.sleep(_POLL)
        return seen


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise StoryError(f"The demo failed: {complaint}.")


def _seconds_until(due: datetime) -> float:
    return max(0.0, (due - datetime.now(due.tzinfo)).total_seconds())
