"""A decision is about what was shown, and about nothing else."""

import pytest
from django.test import Client

from deliveries import replay
from deliveries.models import DeadLetter, Replay
from endpoints import lifecycle
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.admin.conftest import LETTERS, NOTE, text
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_event, make_tenant
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db


def undecided() -> int:
    return DeadLetter.objects.filter(decision=None).count()


def total(client: Client, query: str) -> str:
    shown = text(client.get(f"{LETTERS}/discard/?{query}"))
    return shown.split('<strong id="total">')[1].split("<")[0] if "total" in shown else "0"


@pytest.mark.parametrize(
    "query", ["reason__gte=a", "reason__in=exhausted", "note=x", "tenant_id=1"]
)
def test_a_filter_that_is_not_offered_decides_nothing(
    support: Client, alice: Tenant, endpoint: Endpoint, query: str
) -> None:
    make_dead(alice, endpoint)

    answer = support.post(f"{LETTERS}/discard/?{query}", NOTE)

    assert answer.status_code in (302, 400)
    assert undecided() == 1


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_the_filters_in_the_address_are_those_of_the_decision(
    support: Client, alice: Tenant, endpoint: Endpoint, verb: str
) -> None:
    bob = make_tenant("Bob")
    make_dead(alice, endpoint, reason="permanent")
    make_dead(alice, endpoint)
    make_dead(bob, make_endpoint(bob), reason="permanent")
    query = f"reason=permanent&tenant={ids.to_text(ids.TENANT, alice.id)}"

    assert total(support, query) == "1"
    support.post(f"{LETTERS}/{verb}/?{query}", NOTE)

    assert undecided() == (2 if verb == "discard" else 3)
    assert list(Replay.objects.values_list("tenant_id", "total")) == (
        [] if verb == "discard" else [(alice.id, 1)]
    )


@pytest.mark.parametrize("letters", ["", "dl_nothing", "00000000-0000-0000-0000-000000000001"])
@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_letters_that_are_decided_meanwhile_leave_nothing_to_decide(
    support: Client, alice: Tenant, endpoint: Endpoint, verb: str, letters: str
) -> None:
    make_dead(alice, endpoint)

    shown = text(support.post(f"{LETTERS}/{verb}/?letters={letters}", NOTE))

    assert "No open dead letter matches." in shown
    assert undecided() == 1
    assert not Replay.objects.exists()


def test_ticking_a_letter_that_somebody_decided_asks_about_none(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    gone, _ = make_dead(alice, endpoint), make_dead(alice, endpoint)
    replay.discard(gone, note="x", actor=Actor("bob"))

    form = {"action": "discard_selected", "_selected_action": [str(gone.pk)]}
    shown = text(support.post(f"{LETTERS}/", form, follow=True))

    assert "No open dead letter matches." in shown


def test_a_search_finds_decided_letters_too(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    letter = make_dead(alice, endpoint)
    replay.discard(letter, note="x", actor=Actor("bob"))

    assert str(letter) in text(support.get(f"{LETTERS}/?q={letter}"))
    assert str(letter) not in text(support.get(f"{LETTERS}/"))


def history(client: Client, page: str) -> str:
    return text(client.get(f"/admin/deliveries/{page}/history/", follow=True))


def test_history_leads_to_the_entry_of_the_decision(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    def decided(verb: str, query: str) -> DeadLetter:
        letter = make_dead(alice, endpoint)
        support.post(f"{LETTERS}/{verb}/?{query or f'letters={letter}'}", NOTE)
        return letter

    one = decided("discard", "")
    many = decided("discard", "reason=exhausted")
    alone = make_dead(alice, endpoint)
    replay.discard(alone, note="x", actor=Actor("bob"))
    job = Replay.objects.create(
        source="dead-letter", created_by="sue", tenant_id=alice.id,
        organization_id=alice.organization_id,
    )  # fmt: skip
    DeadLetter.objects.filter(id=one.id).update(decision="replayed", replay_id=job.id)

    assert history(support, f"deadletter/{one.pk}").count(str(job)) >= 1
    assert "dead_letter.discarded" in history(support, f"deadletter/{many.pk}")
    assert str(alone) in history(support, f"deadletter/{alone.pk}")


def test_filters_offer_the_users_own_tenants_only(
    member: Client, operator: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    other = make_tenant("Charlie")
    theirs = make_endpoint(other, uid="theirs")
    foreign = {
        str(other.pk), ids.to_text(ids.TENANT, other.id), "Charlie", str(other.organization_id),
        ids.to_text(ids.ORGANIZATION, other.organization_id), "theirs",
        ids.to_text(ids.ENDPOINT, theirs.id),
    }  # fmt: skip
    lists = [
        f"/admin/{name}/"
        for name in (
            "endpoints/endpoint", "endpoints/tenant", "deliveries/delivery", "deliveries/attempt",
            "deliveries/deadletter", "deliveries/replay", "deliveries/event",
        )
    ]  # fmt: skip

    for path in lists:
        shown = text(member.get(path))
        assert not [found for found in foreign if found in shown], path
    for path in lists[:1]:
        assert "tenant=" + ids.to_text(ids.TENANT, other.id) in text(operator.get(path))


def test_attempts_are_found_by_the_events_own_id(
    support: Client, alice: Tenant, endpoint: Endpoint, pages: dict[str, str]
) -> None:
    shown = text(support.get("/admin/deliveries/attempt/?q=order-1"))

    assert "atmpt_" in shown.split("results")[-1]
    assert "eventId" not in text(support.get("/admin/deliveries/replay/"))


def test_a_disabled_endpoint_says_by_whom_and_why(
    support: Client, member: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    member.post(f"/admin/endpoints/endpoint/{endpoint.pk}/disable/", {"note": "moving house"})

    shown = text(support.get(f"/admin/endpoints/endpoint/{endpoint.pk}/change/"))

    assert "UTC by bob: moving house." in shown
    assert AuditEntry.objects.filter(action="endpoint.disabled").count() == 1


def test_the_summary_names_tenant_and_endpoint(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    make_dead(alice, endpoint)

    shown = text(support.get(f"{LETTERS}/summary/"))

    assert f'<a href="/admin/endpoints/tenant/{alice.pk}/change/">Alice &amp;' in shown
    assert f'<a href="/admin/endpoints/endpoint/{endpoint.pk}/change/">hook</a>' in shown


@pytest.mark.parametrize("by", ["letters", "uid"])
@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_a_decision_about_several_tenants_tells_none_of_another(
    support: Client, alice: Tenant, endpoint: Endpoint, verb: str, by: str
) -> None:
    bob = make_tenant("Bob")
    letters = {
        tenant: make_dead(tenant, receiver, event=make_event(tenant, uid="invoice-1"))
        for tenant, receiver in ((alice, endpoint), (bob, make_endpoint(bob)))
    }
    named = f"letters={','.join(map(str, letters.values()))}"

    support.post(f"{LETTERS}/{verb}/?{named if by == 'letters' else 'q=invoice-1'}", NOTE)

    for tenant, letter in letters.items():
        jobs = Replay.objects.filter(tenant_id=tenant.id)
        entry = AuditEntry.objects.get(tenant_id=tenant.id)
        kept = [job.filters for job in jobs] or [entry.detail["filters"]]
        assert kept == [{"letter_ids": [str(letter.id)]}]
        for other in {*letters.values()} - {letter}:
            assert str(other.id) not in str(entry.detail)


def test_letters_of_a_deleted_endpoint_are_left_out_of_a_replay(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    closed = make_endpoint(alice)
    letters = [make_dead(alice, closed), make_dead(alice, closed)]
    lifecycle.delete(closed, actor=Actor("bob"))

    only = text(support.get(f"{LETTERS}/replay/?letters={letters[0]}"))
    refused = text(support.post(f"{LETTERS}/replay/?letters={letters[0]}", NOTE))

    for shown in (only, refused):
        assert "1 more is of deleted endpoints" in shown and "It is not replayed" in shown
        assert "No other open dead letter matches." in shown
    assert not Replay.objects.exists()

    make_dead(alice, endpoint)
    both = text(support.get(f"{LETTERS}/replay/"))
    support.post(f"{LETTERS}/replay/", NOTE)

    assert "2 more are of deleted endpoints" in both and '<strong id="total">1</strong>' in both
    assert [job.total for job in Replay.objects.all()] == [1]

    discarding = text(support.get(f"{LETTERS}/discard/?letters={letters[0]}"))
    support.post(f"{LETTERS}/discard/?letters={letters[0]}", NOTE)

    assert "deleted endpoints" not in discarding and '<strong id="total">1</strong>' in discarding
    assert undecided() == 2
