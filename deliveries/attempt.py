"""One attempt: headers, signature, send, judge. No database.

Called by the delivery loop for a leased delivery; the outcome goes to the recording step.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from deliveries import message_headers, retry_policy, signing
from deliveries.error_kinds import ErrorKind
from deliveries.models import DeadLetter, Trigger, Wait
from deliveries.outcome import EventContent, LeasedDelivery, Outcome, Request, Verdict
from deliveries.retry_after import parse_retry_after
from deliveries.signing import SigningKey
from deliveries.transport import Answer, Transport
from deliveries.transport import Request as HttpRequest
from endpoints.targets import Target
from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import KeyringError

#: Answers that ask for the whole endpoint to be left alone, when they say for how long.
THROTTLING = frozenset({429, 503})
JSON = b"application/json"
#: Attempts lost with their worker before the delivery is given up as poison.
LOST_MAX = 3


@dataclass(frozen=True, slots=True)
class PreparedTarget:
    """A target made ready to sign for and send to; built once per version of its endpoint."""

    target: Target
    #: With the time at which a previous key stops signing.
    keys: tuple[tuple[SigningKey, datetime | None], ...]
    permanent: retry_policy.PermanentStatuses

    @property
    def version(self) -> tuple[int, int]:
        return (self.target.version, self.target.tenant_version)

    def live_keys(self) -> list[SigningKey]:
        """Return the keys that sign now, current first: a previous one only in its overlap."""
        if len(self.keys) == 1:
            return [self.keys[0][0]]
        now = datetime.now(UTC)
        return [key for key, expires_at in self.keys if expires_at is None or expires_at > now]


def prepare(target: Target) -> PreparedTarget:
    """Build what all attempts to one version of an endpoint share."""
    return PreparedTarget(
        target,
        tuple((SigningKey(key.kind, key.key), key.expires_at) for key in target.keys),
        retry_policy.PermanentStatuses.parse(target.policy.permanent_statuses),
    )


async def make(
    delivery: LeasedDelivery,
    event: EventContent,
    prepared: PreparedTarget,
    transport: Transport,
) -> Outcome:
    """Send once and judge the answer; never raises for what a receiver can do.

    The endpoint's own timeout is the limit; the caller's lease must outlive it.
    """
    attempt_id = ids.new()
    text = prepared.target.url_text
    try:
        http = _request(delivery, event, prepared)
    except _UnsendableError as unsendable:
        # Stored in a way that cannot be sent; nothing leaves this process.
        request = Request(attempt_id, 0, ErrorKind.CONFIG_ERROR, 0, text, str(unsendable))
        return _judge(delivery, event, prepared, request, None)
    answer = await transport.exchange(http)
    error = answer.error_kind or (None if answer.is_success else ErrorKind.HTTP_STATUS)
    response = answer.excerpt_text or answer.error_text
    request = Request(attempt_id, answer.status, error, round(answer.duration_ms), text, response)
    return _judge(delivery, event, prepared, request, _retry_after(answer))


def lost(
    delivery: LeasedDelivery, *, url: str, organization_id: UUID | None, event_type: str
) -> Outcome:
    """Judge an attempt of which nobody knows whether it was made: its worker died.

    It does not spend the schedule, but the third one of a delivery makes it poison.
    """
    request = Request(ids.new(), 0, ErrorKind.WORKER_LOST, None, url, "")
    if delivery.lost + 1 >= LOST_MAX:
        return Outcome(
            delivery,
            Verdict.DEAD,
            request,
            reason=DeadLetter.Reason.POISON,
            organization_id=organization_id,
            event_type=event_type,
        )
    chance = random.random()  # noqa: S311 - spreads retries, keeps no secret.
    delay = retry_policy.our_fault_delay(ErrorKind.WORKER_LOST, delivery.faults, chance)
    ended = time.monotonic()
    return Outcome(delivery, Verdict.RETRY, request, delay, ended, wait=Wait.PLATFORM)


class _UnsendableError(Exception):
    """The endpoint or the message cannot be sent as it is stored; the text says which part."""


def _request(
    delivery: LeasedDelivery, event: EventContent, prepared: PreparedTarget
) -> HttpRequest:
    """Return the request to make; raise _UnsendableError."""
    target = prepared.target
    if target.url is None or event.payload is None:
        raise _UnsendableError(target.problem or "")
    content_type, more = _message_headers(event, prepared)
    return HttpRequest(
        url=target.url,
        headers=_headers(delivery, event, prepared, event.payload, content_type),
        body=event.payload,
        deadline=target.policy.send_timeout,
        custom_headers=target.headers,
        message_headers=more,
        tenant=delivery.tenant_id.hex,
        # The last try may have met a connection that the receiver had closed.
        fresh_connection=delivery.faults > 0,
    )


def _message_headers(
    event: EventContent, prepared: PreparedTarget
) -> tuple[bytes, message_headers.Headers]:
    """Return the content type, and the message's own headers but one named like the signature."""
    if event.headers is None:
        return JSON, ()
    try:
        headers = message_headers.opened(event.headers, event_id=event.id)
    except KeyringError:
        problem = "the message's headers cannot be decrypted"
        raise _UnsendableError(problem) from None
    described, more = message_headers.split(headers)
    taken = (prepared.target.policy.signature_header or "").lower()
    kept = tuple(header for header in more if header[0].lower() != taken)
    return JSON if described is None else described.encode(), kept


def _headers(
    delivery: LeasedDelivery,
    event: EventContent,
    prepared: PreparedTarget,
    body: bytes,
    content_type: bytes,
) -> list[tuple[bytes, bytes]]:
    """Return all headers but those that frame the message; the signature's time is now."""
    keys = prepared.live_keys()
    event_id = ids.to_text(ids.EVENT, event.id)
    now = int(time.time())
    signature = signing.standard_signature(keys, event_id=event_id, timestamp=now, body=body)
    headers = [
        (b"content-type", content_type),
        (b"webhook-id", event_id.encode()),
        (b"webhook-timestamp", b"%d" % now),
        (b"webhook-signature", signature.encode()),
        (b"webhook-attempt", b"%d" % delivery.number),
    ]
    if delivery.trigger == Trigger.MANUAL:
        headers.append((b"webhook-replay", b"true"))
    if event.traceparent:
        headers.append((b"traceparent", event.traceparent.encode()))
    name = prepared.target.policy.signature_header
    # Ed25519 has no hex form: an endpoint without a shared secret goes without this header.
    if name is not None and any(key.kind == "hmac" for key in keys):
        headers.append((name.encode(), _timestamped(keys, now, body)))
    return headers


def _timestamped(keys: Sequence[SigningKey], now: int, body: bytes) -> bytes:
    return signing.timestamped_hex_signature(keys, timestamp=now, body=body).encode()


def _judge(
    delivery: LeasedDelivery,
    event: EventContent,
    prepared: PreparedTarget,
    request: Request,
    retry_after: float | None,
) -> Outcome:
    ended = time.monotonic()
    step = retry_policy.decide(
        status=request.status_code,
        error_kind=request.error_kind,
        charged_before=delivery.charged,
        schedule=prepared.target.policy.schedule,
        retry_after=retry_after,
        permanent=prepared.permanent,
        faults_before=delivery.faults,
    )
    pause = retry_after if request.status_code in THROTTLING else None
    match step:
        case retry_policy.Delivered():
            return Outcome(
                delivery, Verdict.DELIVERED, request, ended=ended, deliver_at=event.deliver_at
            )
        case retry_policy.RetryAt(delay, charged):
            wait = _wait(charged, retry_after, delivery, prepared)
            return Outcome(
                delivery,
                Verdict.RETRY,
                request,
                delay,
                ended,
                charged,
                wait,
                pause=pause,
                deliver_at=event.deliver_at,
            )
        case retry_policy.DeadLetter(reason):
            return Outcome(
                delivery,
                Verdict.DEAD,
                request,
                ended=ended,
                charged=True,
                reason=reason,
                organization_id=event.organization_id,
                event_type=event.event_type,
                deliver_at=event.deliver_at,
            )


def _wait(
    charged: bool, retry_after: float | None, delivery: LeasedDelivery, prepared: PreparedTarget
) -> Wait:
    if not charged:
        return Wait.PLATFORM
    planned = prepared.target.policy.schedule[delivery.charged]
    return Wait.RETRY_AFTER if retry_after and retry_after > planned else Wait.SCHEDULE


def _retry_after(answer: Answer) -> float | None:
    value = answer.retry_after
    return None if value is None else parse_retry_after(value, now=time.time())
