"""What all tests share."""

from collections.abc import Iterator

import pytest

from dev.embedded import EmbeddedStores
from tests.stores import temporary_stores


@pytest.fixture
def private_stores() -> Iterator[EmbeddedStores]:
    """Servers for this test alone, to be stopped, killed or filled at will."""
    with temporary_stores() as stores:
        yield stores
