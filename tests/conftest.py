"""What all tests share."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from dev.embedded import EmbeddedStores
from tests.stores import temporary_stores


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let Django empty the audit log too after a test with real transactions; it truncates."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER not_truncated")


@pytest.fixture
def private_stores() -> Iterator[EmbeddedStores]:
    """Servers for this test alone, to be stopped, killed or filled at will."""
    with temporary_stores() as stores:
        yield stores
