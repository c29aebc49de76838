"""What is brought from an API like svix', and what is left alone."""

import httpx
import pytest

from deliveries.svix_import import SourceError
from endpoints import custom_headers, lifecycle, rotation, signing_secrets, tenants
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Endpoint, EventType, Organization, Tenant
from tests import rows
from tests.integration.svix_import.source import (
    APP,
    ENDPOINT,
    FakeSvix,
    application,
    endpoint,
    event_type,
    run,
    source_of,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db

OTHER_SECRET = "whsec_" + "B" * 32
SOMEBODY = Actor("somebody")


@pytest.fixture
def organization() -> Organization:
    return rows.organization()


@pytest.fixture
def svix() -> FakeSvix:
    """One of each thing, with every field that svix has."""
    schema = {"1": {"type": "object"}}
    return FakeSvix(
        event_types=[
            event_type("a.paid", schemas=schema, featureFlag="beta", deprecated=True),
            event_type("a.old", archived=True),
        ],
        apps=[application(uid="acme", throttleRate=7, metadata={"k": "v"})],
        endpoints={
            APP: [
                endpoint(
                    uid="sink",
                    eventTypes=["a.paid", "a.old"],
                    channels=["c"],
                    throttleRate=3,
                    description="d",
                    metadata={"m": "n"},
                )
            ]
        },
        headers={ENDPOINT: {"headers": {"X-Color": "blue"}, "sensitive": []}},
    )


def the_endpoint() -> Endpoint:
    return Endpoint.objects.get(deleted_at=None)


def test_everything_that_svix_shows_is_here_afterwards(
    svix: FakeSvix, organization: Organization
) -> None:
    report, lines = run(svix, organization)

    tenant, sink = Tenant.objects.get(), the_endpoint()
    assert (tenant.organization, tenant.uid, tenant.name) == (organization, "acme", "Acme")
    assert (tenant.throttle_rate, tenant.metadata) == (7, {"k": "v"})
    assert (sink.tenant, sink.uid, sink.url) == (tenant, "sink", "https://receiver.test/hook")
    assert (sink.event_types, sink.channels) == (["a.paid", "a.old"], ["c"])
    assert (sink.throttle_rate, sink.description, sink.metadata) == (3, "d", {"m": "n"})
    assert sink.disabled_at is None
    assert custom_headers.opened(sink) == [("X-Color", "blue")]
    assert rotation.current(sink).text == rows.SECRET
    old, paid = EventType.objects.order_by("name")
    assert (old.name, old.archived) == ("a.old", True)
    assert (paid.schemas, paid.feature_flags, paid.deprecated) == (
        {"1": {"type": "object"}},
        ["beta"],
        True,
    )
    assert not report.failed
    assert lines == [
        "created   event type  a.paid",
        "created   event type  a.old",
        "created   application acme",
        "created   endpoint    acme/sink",
    ]
    assert {*AuditEntry.objects.values_list("actor", flat=True)} == {"manage.py import_svix"}


def test_ids_of_another_form_are_computed_as_old_as_what_they_name(
    svix: FakeSvix, organization: Organization
) -> None:
    report, _ = run(svix, organization)

    tenant, sink = Tenant.objects.get(), the_endpoint()
    assert report.moved == [
        ("application", APP, ids.to_text(ids.TENANT, tenant.id)),
        ("endpoint", ENDPOINT, ids.to_text(ids.ENDPOINT, sink.id)),
    ]
    assert {tenant.id.version, sink.id.version} == {7}
    assert ids.timestamp(tenant.id).isoformat() == "2026-01-31T12:00:00.123000+00:00"


def test_ids_of_our_form_are_kept(svix: FakeSvix, organization: Organization) -> None:
    app, sink = ids.to_text(ids.TENANT, ids.new()), ids.to_text(ids.ENDPOINT, ids.new())
    svix.apps = [application(id=app)]
    svix.endpoints = {app: [endpoint(id=sink)]}

    report, _ = run(svix, organization)

    assert report.moved == []
    assert ids.to_text(ids.TENANT, Tenant.objects.get().id) == app
    assert ids.to_text(ids.ENDPOINT, the_endpoint().id) == sink


def test_another_installation_of_ours_tells_which_types_are_validated(
    svix: FakeSvix, organization: Organization
) -> None:
    svix.event_types[0]["validatePayloads"] = True
    run(svix, organization)
    del svix.event_types[0]["validatePayloads"]

    _, lines = run(svix, organization)

    assert lines == []
    shown = dict(EventType.objects.values_list("name", "validates_payloads"))
    assert shown == {"a.paid": True, "a.old": False}


def test_a_second_run_changes_nothing(svix: FakeSvix, organization: Organization) -> None:
    first, _ = run(svix, organization)
    entries, version = AuditEntry.objects.count(), the_endpoint().version

    second, lines = run(svix, organization)

    assert lines == []
    assert list(second.summary()) == [
        "event types: 0 created, 0 updated, 2 unchanged, 0 failed",
        "applications: 0 created, 0 updated, 1 unchanged, 0 failed",
        "endpoints: 0 created, 0 updated, 1 unchanged, 0 failed",
    ]
    assert (AuditEntry.objects.count(), the_endpoint().version) == (entries, version)
    assert second.moved == first.moved


def test_a_change_at_the_source_is_brought_by_the_next_run(
    svix: FakeSvix, organization: Organization
) -> None:
    run(svix, organization)
    svix.apps[0]["name"] = "Acme Ltd"
    svix.endpoints[APP][0] |= {"channels": None, "disabled": True}
    svix.headers[ENDPOINT] = {"headers": {"X-Color": "red"}, "sensitive": []}
    svix.keys[ENDPOINT] = OTHER_SECRET

    _, lines = run(svix, organization)

    sink = the_endpoint()
    assert lines == ["updated   application acme", "updated   endpoint    acme/sink"]
    assert (Tenant.objects.get().name, sink.channels) == ("Acme Ltd", None)
    assert sink.disabled_reason == Endpoint.Disabled.BY_USER
    assert custom_headers.opened(sink) == [("X-Color", "red")]
    assert rotation.current(sink).text == OTHER_SECRET
    # The one before signs on for its day, so no receiver is left behind.
    assert sink.secrets.count() == 2


def test_what_was_made_here_with_the_same_uid_is_taken_up(
    svix: FakeSvix, organization: Organization
) -> None:
    tenant = rows.tenant(uid="acme", policy={"sendTimeout": 5})
    sink = rows.endpoint(tenant, uid="sink", policy={"sendTimeout": 6})

    report, _ = run(svix, organization)

    assert [here for _, _, here in report.moved] == [
        ids.to_text(ids.TENANT, tenant.id),
        ids.to_text(ids.ENDPOINT, sink.id),
    ]
    # What svix does not know is left alone.
    assert Tenant.objects.get().policy == {"sendTimeout": 5}
    assert the_endpoint().policy == {"sendTimeout": 6}


def test_an_endpoint_without_a_redacted_header_waits_for_it_disabled(
    svix: FakeSvix, organization: Organization
) -> None:
    svix.headers[ENDPOINT] = {"headers": {"X-Color": "blue"}, "sensitive": ["Authorization"]}

    report, lines = run(svix, organization)
    sink = the_endpoint()
    was_disabled = sink.disabled_at is not None
    again, _ = run(svix, organization)
    lifecycle.patch_headers(sink, {"authorization": "s"}, [], actor=SOMEBODY)
    last, _ = run(svix, organization)

    assert (was_disabled, report.waiting, report.failed) == (True, 1, False)
    assert (
        "waits     endpoint    acme/sink: disabled here until it has its header Authorization, "
        "whose value the source does not show (PATCH …/headers)" in lines
    )
    assert again.waiting == 1
    assert last.waiting == 0
    assert the_endpoint().disabled_at is None
    assert custom_headers.opened(the_endpoint()) == [("X-Color", "blue"), ("authorization", "s")]


def test_an_endpoint_with_an_ed25519_key_waits_for_its_private_half(
    svix: FakeSvix, organization: Organization
) -> None:
    pair = signing_secrets.generate_ed25519()
    svix.keys[ENDPOINT] = signing_secrets.parse_secret(pair).receiver_text

    report, _ = run(svix, organization)
    sink = the_endpoint()
    was_disabled = sink.disabled_at is not None
    rotation.rotate(sink, key=pair, grace_seconds=0, actor=SOMEBODY)
    last, _ = run(svix, organization)

    assert (was_disabled, report.waiting) == (True, 1)
    assert rotation.current(the_endpoint()).text == pair
    assert (last.waiting, the_endpoint().disabled_at) == (0, None)


def test_an_endpoint_that_the_platform_has_disabled_stays_so(
    svix: FakeSvix, organization: Organization
) -> None:
    run(svix, organization)
    lifecycle.disable(the_endpoint(), actor=SOMEBODY, reason=Endpoint.Disabled.GONE)

    _, lines = run(svix, organization)

    assert lines == []
    assert the_endpoint().disabled_reason == Endpoint.Disabled.GONE


def test_one_bad_object_is_named_and_the_rest_goes_on(
    svix: FakeSvix, organization: Organization
) -> None:
    svix.event_types.insert(0, event_type("b", schemas={"1": {"$ref": "https://x.test/s"}}))
    svix.endpoints[APP] = [
        endpoint(id="ep_1", url="http://169.254.169.254/"),
        endpoint(id="ep_2", eventTypes=["nowhere"]),
        endpoint(id="ep_3"),
        endpoint(id="ep_4"),
        endpoint(id="ep_5"),
    ]
    svix.headers["ep_3"] = {"headers": {"Cookie": "tasty"}, "sensitive": []}
    svix.answers[f"app/{APP}/endpoint/ep_4/secret"] = lambda: httpx.Response(403, json={})

    report, lines = run(svix, organization)

    assert report.failed
    failed = [line for line in lines if line.startswith("failed")]
    assert failed[0].startswith("failed    event type  b: schemas.1: ")
    # Those that could not be read come before those that could not be stored.
    assert failed[1:] == [
        f"failed    endpoint    acme/ep_4: /api/v1/app/{APP}/endpoint/ep_4/secret answered 403",
        "failed    endpoint    acme/ep_1: url: the address 169.254.169.254 is not one that may "
        "receive webhooks",
        "failed    endpoint    acme/ep_2: these event types don't exist here: nowhere",
        "failed    endpoint    acme/ep_3: Cookie: the name is reserved",
    ]
    assert [sink.url for sink in Endpoint.objects.all()] == ["https://receiver.test/hook"]
    assert EventType.objects.count() == 2


def test_what_was_deleted_here_is_not_brought_back(
    svix: FakeSvix, organization: Organization
) -> None:
    run(svix, organization)
    lifecycle.delete(the_endpoint(), actor=SOMEBODY)

    _, lines = run(svix, organization)
    tenants.delete(Tenant.objects.get(), actor=SOMEBODY)
    _, last = run(svix, organization)

    why = "it was deleted here after it had been brought"
    assert lines == [f"failed    endpoint    acme/sink: {why}"]
    assert last == [f"failed    application acme: {why}"]
    assert not Endpoint.objects.filter(deleted_at=None).exists()


def test_a_dry_run_says_the_same_and_keeps_nothing(
    svix: FakeSvix, organization: Organization
) -> None:
    report, dry = run(svix, organization, dry_run=True)

    assert (Tenant.objects.count(), Endpoint.objects.count(), EventType.objects.count()) == (0,) * 3
    assert AuditEntry.objects.count() == 0
    real, lines = run(svix, organization)
    assert (lines, real.moved) == (dry, report.moved)


def test_only_the_wanted_application_is_brought(svix: FakeSvix, organization: Organization) -> None:
    svix.apps.append(application(id="app_2", uid="other"))

    report, lines = run(svix, organization, apps=["other", "nobody"])

    assert Tenant.objects.get().uid == "other"
    assert "failed    application nobody: /api/v1/app/nobody answered 404" in lines
    assert report.failed


def test_lists_are_read_page_by_page(organization: Organization) -> None:
    svix = FakeSvix(page=2, apps=[application(id=f"app_{n}", uid=f"u{n}") for n in range(5)])

    run(svix, organization)

    assert Tenant.objects.count() == 5
    assert svix.asked.count("app") == 3


def test_a_list_that_never_ends_is_refused(organization: Organization) -> None:
    svix = FakeSvix()
    page = {"data": [], "iterator": "same", "done": False}
    svix.answers["app"] = lambda: httpx.Response(200, json=page)

    report, lines = run(svix, organization)

    assert lines == [
        "failed    the list of applications: the list does not end: its iterator stays the same"
    ]
    assert report.failed


def test_a_source_that_is_overloaded_is_asked_again_after_a_while() -> None:
    svix, naps, answers = FakeSvix(apps=[application()]), [], [503, 429]

    def overloaded() -> httpx.Response:
        if not answers:
            del svix.answers["app"]
            return svix(httpx.Request("GET", "https://svix.test/api/v1/app", headers=BEARER))
        return httpx.Response(answers.pop(), json={})

    svix.answers["app"] = overloaded
    with source_of(svix, naps) as source:
        found = [row["id"] for row in source.pages("app")]

    assert (found, naps) == ([APP], [1.0, 4.0])


BEARER = {"authorization": "Bearer token"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: httpx.Response(401, json={}), "/api/v1/app answered 401"),
        (lambda: httpx.Response(302), "/api/v1/app answered 302"),
        (lambda: httpx.Response(200, text="<html>"), "/app did not answer a JSON object"),
        (lambda: httpx.Response(200, json=[1]), "/app did not answer a JSON object"),
        (lambda: httpx.Response(200, json={"data": [1]}), "a page has no list of objects"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_not_asked_for_again(answer, said: str) -> None:  # type: ignore[no-untyped-def]
    svix, naps = FakeSvix(), []
    svix.answers["app"] = answer

    with source_of(svix, naps) as source, pytest.raises(SourceError) as error:
        list(source.pages("app"))

    assert said in str(error.value)
    assert (svix.asked, naps) == (["app"], [])


def test_the_segments_of_a_path_cannot_leave_it(organization: Organization) -> None:
    svix = FakeSvix()

    with source_of(svix, []) as source, pytest.raises(SourceError):
        source.get("app", "../event-type")

    assert svix.asked == ["app/../event-type"]
