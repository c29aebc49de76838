"""Rows and steps that the tests of replays share."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from deliveries import take_up
from deliveries.take_up import TakenUp
from endpoints.audit import Actor
from tests.integration.deliveries.leasing import with_connection

BOB = Actor("bob", "request-1")


@pytest.fixture(autouse=True)
def hints() -> Iterator[list[bytes]]:
    """Collect the tokens that would wake a delivery loop."""
    sent: list[bytes] = []
    with patch("deliveries.wake.hint_after_commit", lambda token=b"1": sent.append(token)):
        yield sent


def taken_up() -> TakenUp:
    """Take up what running jobs may take up now, as a delivery loop would."""
    return with_connection(take_up.take_up)
