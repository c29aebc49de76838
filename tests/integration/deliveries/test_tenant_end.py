"""What becomes of a deleted tenant's dead letters and replay jobs."""

from typing import Any

import pytest
from django.utils import timezone

from deliveries import tenant_end
from deliveries.models import DeadLetter, Replay
from endpoints import closing, tenants
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_tenant
from webhooks_platform.lib import ids

BOB = Actor("bob", "request-1")


def make_job(tenant: Tenant, state: str, **values: Any) -> Replay:
    return Replay.objects.create(
        organization_id=tenant.organization_id, tenant_id=tenant.id, source="dead-letter",
        created_by="sue", state=state, taken_up=False, **values,
    )  # fmt: skip


def test_deleting_a_tenant_discards_its_open_letters(tenant: Tenant, endpoint: Endpoint) -> None:
    other = make_tenant("Charlie")
    theirs = make_dead(other, make_endpoint(other))
    replayed = make_dead(
        tenant, endpoint, decision="replayed", decided_by="sue", decided_at=timezone.now()
    )
    opened = [make_dead(tenant, endpoint) for _ in range(3)]

    tenants.delete(tenant, actor=BOB)

    assert list(DeadLetter.objects.filter(decision=None)) == [theirs]
    replayed.refresh_from_db()
    assert (replayed.decision, replayed.decided_by) == ("replayed", "sue")
    decided = DeadLetter.objects.filter(id__in=[letter.id for letter in opened])
    assert set(decided.values_list("decision", "decided_by", "note")) == {
        ("discarded", "bob", "tenant deleted")
    }
    assert decided.filter(decided_at__isnull=True).count() == 0
    entry = AuditEntry.objects.get(action="dead_letter.discarded")
    assert (entry.tenant_id, entry.actor, entry.request_id) == (tenant.id, "bob", "request-1")
    assert entry.target == ids.to_text(ids.TENANT, tenant.id)
    assert entry.detail == {"count": 3, "filters": {}, "note": "tenant deleted"}


def test_deleting_a_tenant_cancels_its_running_and_paused_jobs(tenant: Tenant) -> None:
    ended = [make_job(tenant, state) for state in ("running", "paused")]
    kept = [make_job(tenant, "finished"), make_job(make_tenant("Charlie"), "running")]

    tenants.delete(tenant, actor=BOB)

    for job in ended:
        job.refresh_from_db()
        assert (job.state, job.taken_up) == ("cancelled", True)
        assert job.finished_at is not None
    assert [Replay.objects.get(id=job.id).state for job in kept] == ["finished", "running"]
    entries = AuditEntry.objects.filter(action="replay.cancelled")
    assert {(entry.target, entry.actor) for entry in entries} == {
        (ids.to_text(ids.REPLAY, job.id), "bob") for job in ended
    }


def test_a_tenant_without_any_is_deleted_without_a_word_of_them(tenant: Tenant) -> None:
    tenants.delete(tenant, actor=BOB)

    assert [entry.action for entry in AuditEntry.objects.all()] == ["tenant.deleted"]


def test_a_deletion_that_fails_decides_nothing(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dead(tenant, endpoint)

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(closing, "_tenant_listeners", [tenant_end.end_tenant, broken])
    with pytest.raises(RuntimeError):
        tenants.delete(tenant, actor=BOB)

    assert DeadLetter.objects.filter(decision=None).count() == 1
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_upkeep_discards_what_came_up_after_the_deletion() -> None:
    tenant, alive = make_tenant(), make_tenant("Charlie")
    endpoint = make_endpoint(tenant)
    tenants.delete(tenant, actor=BOB)
    # Its attempt was under way, and failed for good.
    late, theirs = make_dead(tenant, endpoint), make_dead(alive, make_endpoint(alive))

    assert tenant_end.discard_left_behind() == 1
    assert tenant_end.discard_left_behind() == 0

    late.refresh_from_db()
    assert (late.decision, late.decided_by, late.note) == (
        "discarded", "platform", "tenant deleted",
    )  # fmt: skip
    assert list(DeadLetter.objects.filter(decision=None)) == [theirs]
    assert AuditEntry.objects.get(action="dead_letter.discarded").detail["count"] == 1
