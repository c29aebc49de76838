"""Rotations that meet, and the audit log that nobody can rewrite."""

import threading

import pytest
from django.db import connection, transaction

from endpoints import lifecycle, rotation
from endpoints.models import AuditEntry, Endpoint, SigningSecret, Tenant
from endpoints.signing_secrets import generate_ed25519
from tests import rows
from tests.integration.endpoints.conftest import ACTOR


@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_follow_each_other() -> None:
    endpoint = rows.endpoint(rows.tenant())
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def rotate() -> None:
        try:
            barrier.wait(10)
            rotation.rotate(endpoint, actor=ACTOR)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert SigningSecret.objects.filter(expires_at__isnull=True).count() == 1
    assert (SigningSecret.objects.count(), Endpoint.objects.get().version) == (5, 5)
    assert AuditEntry.objects.filter(action="secret.rotated").count() == 4


def test_expired_secrets_are_removed_by_the_next_rotation(alice: Tenant) -> None:
    endpoint = rows.endpoint(alice)
    rotation.rotate(endpoint, actor=ACTOR, grace_seconds=0)
    rotation.rotate(endpoint, actor=ACTOR, grace_seconds=10)

    assert endpoint.secrets.count() == 2


@pytest.mark.parametrize("grace_seconds", [-1, 604_801])
def test_an_overlap_beyond_seven_days_is_refused(alice: Tenant, grace_seconds: int) -> None:
    endpoint = rows.endpoint(alice)

    with pytest.raises(ValueError, match="0 to 604800 seconds"):
        rotation.rotate(endpoint, actor=ACTOR, grace_seconds=grace_seconds)

    assert (endpoint.secrets.count(), AuditEntry.objects.count()) == (1, 0)


def test_a_deleted_endpoint_is_not_rotated(alice: Tenant) -> None:
    endpoint = rows.endpoint(alice)
    lifecycle.delete(endpoint, actor=ACTOR)

    with pytest.raises(Endpoint.DoesNotExist):
        rotation.rotate(endpoint, actor=ACTOR)

    assert endpoint.secrets.count() == 1


def test_a_fresh_secret_is_of_the_kind_that_it_replaces(alice: Tenant) -> None:
    endpoint = rows.endpoint(alice)
    rotation.rotate(endpoint, key=generate_ed25519(), actor=ACTOR)

    fresh = rotation.rotate(endpoint, actor=ACTOR)

    assert (fresh.kind, fresh.receiver_text[:5]) == ("ed25519", "whpk_")
    assert rotation.current(endpoint) == fresh
    assert rotation.rotate(endpoint, key=rows.SECRET, actor=ACTOR).kind == "hmac"
    assert rotation.rotate(endpoint, actor=ACTOR).kind == "hmac"


def test_a_change_that_is_undone_leaves_no_entry(alice: Tenant) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        lifecycle.disable(rows.endpoint(alice), actor=ACTOR)
        raise RuntimeError

    assert not AuditEntry.objects.exists()
