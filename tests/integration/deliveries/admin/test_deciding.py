"""Deciding dead letters in the admin: by the row, by ticks, by filters; and steering jobs."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.models import DeadLetter, DeliveryStatus, Event, OpenDelivery, Replay
from endpoints.models import AuditEntry, Endpoint, EventType, Tenant
from tests.integration.deliveries.admin.conftest import LETTERS, NOTE, text
from tests.integration.deliveries.rows import (
    make_attempt,
    make_dead,
    make_endpoint,
    make_event,
    make_settled,
    make_tenant,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db


def open_letters() -> set[str]:
    return {str(letter) for letter in DeadLetter.objects.filter(decision=None)}


def test_all_that_match_are_counted_shown_and_replayed(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    wanted = [make_dead(alice, endpoint, reason="permanent") for _ in range(12)]
    other = make_dead(alice, endpoint)

    shown = text(support.get(f"{LETTERS}/replay/?reason=permanent"))
    assert '<strong id="total">12</strong>' in shown
    assert str(wanted[-1]) in shown and str(wanted[0]) not in shown and str(other) not in shown
    assert "Alice &amp; &lt;b&gt;sons&lt;/b&gt;" in shown
    assert not Replay.objects.exists()

    answer = support.post(f"{LETTERS}/replay/?reason=permanent", {**NOTE, "rate_per_second": "9"})

    job = Replay.objects.get()
    assert answer["location"] == f"/admin/deliveries/replay/{job.pk}/change/"
    assert (job.total, job.note, job.created_by) == (12, "receiver mended", "sue")
    assert (job.rate_per_second, job.filters) == (9, {"reasons": ["permanent"]})
    assert AuditEntry.objects.filter(actor="sue", action="replay.started").count() == 1


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_a_decision_needs_a_reason_and_letters(
    support: Client, alice: Tenant, endpoint: Endpoint, verb: str
) -> None:
    make_dead(alice, endpoint)
    for form in ({}, {"note": ""}, {"note": "x" * 1001}):
        assert "errorlist" in text(support.post(f"{LETTERS}/{verb}/", form))
    nothing = support.post(f"{LETTERS}/{verb}/?event_type=none", NOTE)
    assert "No open dead letter matches." in text(nothing)

    assert not Replay.objects.exists()
    assert len(open_letters()) == 1


def test_letters_of_several_tenants_become_a_job_each(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    charlie = make_tenant("Charlie")
    make_dead(alice, endpoint)
    make_dead(charlie, make_endpoint(charlie))

    answer = support.post(f"{LETTERS}/replay/", NOTE)

    assert answer["location"] == "/admin/deliveries/replay/"
    jobs = Replay.objects.order_by("id")
    assert {job.tenant_id for job in jobs} == {alice.id, charlie.id}
    assert [job.total for job in jobs] == [1, 1]


def test_a_tenant_admin_decides_his_own_letters_only(
    member: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    charlie = make_tenant("Charlie")
    strange = make_dead(charlie, make_endpoint(charlie))
    own = make_dead(alice, endpoint)

    assert '<strong id="total">1</strong>' in text(member.get(f"{LETTERS}/discard/"))
    named = f"{LETTERS}/discard/?letters={strange}"
    assert "No open dead letter matches." in text(member.post(named, NOTE))
    assert open_letters() == {str(own), str(strange)}
    member.post(f"{LETTERS}/discard/", NOTE)

    assert open_letters() == {str(strange)}
    own.refresh_from_db()
    assert (own.decision, own.decided_by, own.note) == ("discarded", "bob", "receiver mended")


def act(client: Client, action: str, *letters: DeadLetter, **more: str) -> str:
    form = {"action": action, "_selected_action": [str(letter.pk) for letter in letters], **more}
    return text(client.post(f"{LETTERS}/", form, follow=True))


def test_ticked_letters_are_decided(support: Client, alice: Tenant, endpoint: Endpoint) -> None:
    letters = [make_dead(alice, endpoint) for _ in range(3)]

    shown = act(support, "discard_selected", *letters[:2])
    assert '<strong id="total">2</strong>' in shown
    assert len(open_letters()) == 3
    named = ",".join(str(letter) for letter in letters[:2])
    support.post(f"{LETTERS}/discard/?letters={named}", NOTE)

    assert open_letters() == {str(letters[2])}
    across = act(support, "replay_selected", letters[2], select_across="1")
    assert '<strong id="total">1</strong>' in across


def test_a_search_is_decided_by_the_letters_it_found(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(alice, uid="order-7")
    letter = make_dead(alice, endpoint, event=event)
    make_dead(alice, endpoint)

    for term in (str(event), "order-7", str(letter), ids.to_text(ids.DELIVERY, letter.delivery_id)):
        shown = text(support.get(f"{LETTERS}/replay/?q={term}"))
        assert '<strong id="total">1</strong>' in shown, term
    support.post(f"{LETTERS}/replay/?q={event}", NOTE)
    assert Replay.objects.get().filters == {"letter_ids": [str(letter.id)]}
    endpoint_id = ids.to_text(ids.ENDPOINT, endpoint.id)
    support.post(f"{LETTERS}/replay/?q={endpoint_id}", NOTE)
    assert Replay.objects.latest("id").filters == {"endpoint_ids": [str(endpoint.id)]}


def test_disabled_endpoints_are_named_before(support: Client, alice: Tenant) -> None:
    closed = make_endpoint(alice, disabled_at=timezone.now())
    make_dead(alice, closed)

    assert "1 of the endpoints is disabled" in text(support.get(f"{LETTERS}/replay/"))


@pytest.mark.parametrize(
    "budget", ["deliveries.replay.letters.BUDGET", "deliveries.admin.deciding.PAGE_SECONDS"]
)
def test_a_big_discard_goes_on_where_it_stopped(
    support: Client,
    alice: Tenant,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    budget: str,
) -> None:
    monkeypatch.setattr(budget, -1.0)
    make_dead(alice, endpoint)

    shown = text(support.post(f"{LETTERS}/discard/", NOTE))

    assert "0 dead letters are discarded." in shown and "so go on" in shown
    assert 'value="receiver mended"' in shown or "receiver mended</textarea>" in shown
    assert len(open_letters()) == 1


def test_the_summary_groups_by_cause_and_links_to_lists(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    for _ in range(2):
        make_dead(alice, endpoint)
    make_dead(alice, endpoint, reason="permanent", last_status_code=404)

    shown = text(support.get(f"{LETTERS}/summary/"))

    assert "hook" in shown and "permanent" in shown
    link = "reason=exhausted&amp;event_type=invoice.paid&amp;status_class=500"
    assert f'{link}">2</a>' in shown
    listed = text(support.get(f"{LETTERS}/?reason=exhausted&status_class=500"))
    assert "2 dead letters" in listed


@pytest.fixture
def job(alice: Tenant) -> Replay:
    return Replay.objects.create(
        organization_id=alice.organization_id, tenant_id=alice.id, source="dead-letter",
        created_by="bob", note="why", total=10, queued=2, delivered=5, failed=1, taken_up=False,
        sample=[ids.new()],
    )  # fmt: skip


def test_a_running_job_shows_its_progress_and_is_steered(support: Client, job: Replay) -> None:
    page = f"/admin/deliveries/replay/{job.pk}/change/"
    shown = text(support.get(page))
    assert 'value="60">60%</progress>' in shown and 'http-equiv="refresh"' in shown
    assert "Pause" in shown and "Cancel" in shown and ">Resume<" not in shown

    for action, state, told in (
        ("pause", "paused", "still sent"),
        ("resume", "running", "goes on where it stood"),
        ("cancel", "cancelled", "for good"),
    ):
        path = f"/admin/deliveries/replay/{job.pk}/{action}/do/"
        assert told in text(support.get(path))
        support.post(path)
        job.refresh_from_db()
        assert job.state == state
    shown = text(support.post(f"/admin/deliveries/replay/{job.pk}/pause/do/", follow=True))
    assert "cancelled cannot be paused" in shown
    assert 'http-equiv="refresh"' not in shown


def test_a_test_event_goes_to_one_endpoint_and_tells_the_answer(
    member: Client, alice: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = {"1": {"examples": [{"order": 1}]}, "2": {"examples": ["x", {"order": 2}]}}
    EventType.objects.create(organization=alice.organization, name="a.b", schemas=schema)
    make_endpoint(alice)
    path = f"/admin/endpoints/endpoint/{endpoint.pk}/test/"
    assert '<option value="a.b">' in text(member.get(path))
    monkeypatch.setattr("deliveries.admin.endpoints.ANSWER_SECONDS", 0.0)

    shown = text(member.post(path, {"event_type": "a.b"}, follow=True))

    assert "not answered yet" in shown
    event = Event.objects.get()
    assert (bytes(event.payload or b""), event.event_type) == (b'{"order": 2}', "a.b")
    assert OpenDelivery.objects.get().endpoint_id == endpoint.id
    actions = AuditEntry.objects.filter(actor="bob").values_list("action", flat=True)
    assert set(actions) == {"delivery.resent", "endpoint.tested"}
    bad = member.post(path, {"event_type": "nope"})
    assert "not one of the available choices" in text(bad)
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"status_code": 204}, "Test event delivered: 204 in 12 ms."),
        ({"status_code": 500}, "Test event failed: 500 http_status."),
        ({"status_code": 0, "error_kind": "timeout"}, "Test event failed:  timeout."),
    ],
)
def test_the_answer_to_a_test_event_is_told(
    member: Client,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    facts: dict[str, Any],
    told: str,
) -> None:
    def answered(event: Event, to: Endpoint) -> Any:
        return make_attempt(event, to, **facts)

    monkeypatch.setattr("deliveries.admin.endpoints._answer", answered)
    path = f"/admin/endpoints/endpoint/{endpoint.pk}/test/"

    assert told in text(member.post(path, {"event_type": "webhook.test"}, follow=True))


def test_a_disabled_endpoint_is_enabled_and_its_parked_deliveries_sent(
    member: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    make_settled(make_event(alice), endpoint, DeliveryStatus.PARKED)
    make_settled(make_event(alice), endpoint, DeliveryStatus.DELIVERED)
    Endpoint.objects.filter(id=endpoint.id).update(disabled_at=timezone.now())
    page = f"/admin/endpoints/endpoint/{endpoint.pk}"
    shown = text(member.get(f"{page}/change/"))
    assert "Parked deliveries: 1." in shown and "Enable and replay parked" in shown

    answer = member.post(f"{page}/enable-and-replay/", NOTE)

    job = Replay.objects.get()
    assert answer["location"] == f"/admin/deliveries/replay/{job.pk}/change/"
    assert (job.total, job.source, job.note) == (1, "all", "receiver mended")
    assert Endpoint.objects.get(id=endpoint.id).disabled_at is None
    assert "Send test event" in text(member.get(f"{page}/change/"))
