"""How deliveries and attempts look to those who know svix: its numbers and their names.

An attempt succeeded or failed. A delivery of which an attempt has ended is `sending` while
another is to come, `canceled` when it was ended before its time, and otherwise what its last
attempt was; so one that was parked after failures has failed, and nothing is `sending` whose next
attempt will never be made.
"""

from enum import IntEnum

from deliveries.models import Attempt, Delivery, DeliveryStatus


class WireStatus(IntEnum):
    SUCCESS = 0
    PENDING = 1
    FAIL = 2
    SENDING = 3
    CANCELED = 4

    @property
    def text(self) -> str:
        return self.name.lower()


OPEN = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
#: Which deliveries that are listed have a wire status; nothing attempted is pending.
SELECTED = {
    WireStatus.SUCCESS: (DeliveryStatus.DELIVERED,),
    WireStatus.PENDING: (),
    WireStatus.FAIL: (DeliveryStatus.DEAD, DeliveryStatus.PARKED),
    WireStatus.SENDING: OPEN,
    WireStatus.CANCELED: (DeliveryStatus.CANCELLED,),
}


def of_attempt(attempt: Attempt) -> WireStatus:
    """Return success or fail."""
    return WireStatus.SUCCESS if attempt.error_kind is None else WireStatus.FAIL


def of_delivery(delivery: Delivery) -> WireStatus:
    """Return the status of a delivery, attempted or not."""
    attempted = delivery.last_status_code is not None
    if delivery.status in OPEN:
        return WireStatus.SENDING if attempted else WireStatus.PENDING
    if delivery.status == DeliveryStatus.DELIVERED:
        return WireStatus.SUCCESS
    if delivery.status == DeliveryStatus.CANCELLED:
        return WireStatus.CANCELED
    return WireStatus.FAIL
