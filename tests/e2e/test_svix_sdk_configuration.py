"""The official svix SDK configures tenants, endpoints and event types, unmodified."""

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationListOptions,
    ApplicationPatch,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointListOptions,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventTypeImportOpenApiIn,
    EventTypeIn,
    EventTypeListOptions,
    EventTypePatch,
    OperationalWebhookEndpointHeadersIn,
    OperationalWebhookEndpointIn,
    OperationalWebhookEndpointSecretIn,
    OperationalWebhookEndpointUpsertIn,
    Ordering,
    Svix,
)
from svix.exceptions import HttpError, HTTPValidationError

from endpoints.models import SigningSecret
from tests import rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_applications(svix: Svix) -> None:
    created = svix.application.create(ApplicationIn(name="A", uid="a", metadata={"k": "v"}))
    assert svix.application.get("a") == created
    assert svix.application.get_or_create(ApplicationIn(name="B", uid="a")) == created

    with pytest.raises(HttpError) as conflict:
        svix.application.create(ApplicationIn(name="B", uid="a"))
    assert (conflict.value.status_code, conflict.value.code) == (409, "conflict")

    patched = svix.application.patch(created.id, ApplicationPatch(name="A2", throttle_rate=5))
    assert (patched.name, patched.throttle_rate, patched.uid) == ("A2", 5, "a")
    assert svix.application.patch("a", ApplicationPatch(throttle_rate=None)).throttle_rate is None

    others = [svix.application.create(ApplicationIn(name=str(n))).id for n in range(3)]
    first = svix.application.list(ApplicationListOptions(limit=2))
    second = svix.application.list(ApplicationListOptions(limit=2, iterator=first.iterator))
    back = svix.application.list(ApplicationListOptions(limit=2, iterator=second.prev_iterator))
    assert [app.id for app in first.data + second.data] == [created.id, *others]
    assert (first.done, second.done, back.data) == (False, True, first.data)
    newest = svix.application.list(ApplicationListOptions(order=Ordering.DESCENDING))
    assert newest.data[0].id == others[-1]

    svix.application.delete("a")
    with pytest.raises(HttpError) as gone:
        svix.application.get(created.id)
    assert (gone.value.status_code, gone.value.code) == (404, "not_found")


def test_endpoints(svix: Svix) -> None:
    app = svix.application.create(ApplicationIn(name="A")).id
    svix.event_type.create(EventTypeIn(name="invoice.paid", description="d"))
    wanted = EndpointIn(
        url="https://e.test/hook", uid="e", event_types=["invoice.paid"], channels=["c"],
        description="d", metadata={"k": "v"}, throttle_rate=9, secret=rows.SECRET,
        headers={"X-Mine": "m"},
    )  # fmt: skip

    created = svix.endpoint.create(app, wanted)

    assert (created.url, created.event_types, created.channels, created.throttle_rate) == (
        "https://e.test/hook",
        ["invoice.paid"],
        ["c"],
        9,
    )
    assert svix.endpoint.get(app, "e") == created
    patched = svix.endpoint.patch(app, "e", EndpointPatch(channels=None, disabled=True))
    assert (patched.channels, patched.disabled, patched.description) == (None, True, "d")
    for _ in range(2):
        svix.endpoint.create(app, EndpointIn(url="https://e.test/"))
    page = svix.endpoint.list(app, EndpointListOptions(limit=2))
    rest = svix.endpoint.list(app, EndpointListOptions(limit=2, iterator=page.iterator))
    assert ([e.uid for e in rest.data], rest.done) == (["e"], True)

    with pytest.raises(HTTPValidationError) as refused:
        svix.endpoint.create(app, EndpointIn(url="http://127.0.0.1/"))
    assert refused.value.detail[0].loc == ["body", "url"]
    svix.endpoint.delete(app, "e")
    with pytest.raises(HttpError):
        svix.endpoint.get(app, "e")


def test_headers(svix: Svix) -> None:
    app = svix.application.create(ApplicationIn(name="A")).id
    endpoint = svix.endpoint.create(app, EndpointIn(url="https://e.test/")).id

    svix.endpoint.set_headers(
        app, endpoint, EndpointHeadersIn(headers={"A": "1", "Authorization": "s"})
    )
    svix.endpoint.patch_headers(
        app, endpoint, EndpointHeadersPatchIn(headers={"B": "2"}, delete_headers=["a"])
    )

    shown = svix.endpoint.get_headers(app, endpoint)
    assert (shown.headers, shown.sensitive) == ({"B": "2"}, ["Authorization"])


def test_secrets(svix: Svix) -> None:
    app = svix.application.create(ApplicationIn(name="A")).id
    endpoint = svix.endpoint.create(app, EndpointIn(url="https://e.test/")).id
    first = svix.endpoint.get_secret(app, endpoint).key

    svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn(key=rows.SECRET))

    assert first != svix.endpoint.get_secret(app, endpoint).key == rows.SECRET
    svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn(grace_period_seconds=0))
    assert svix.endpoint.get_secret(app, endpoint).key not in (first, rows.SECRET)
    # The given one went at once, the first signs on for its day.
    assert SigningSecret.objects.count() == 3
    with pytest.raises(HTTPValidationError):
        svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn(key="whsec_eA=="))


def test_event_types(svix: Svix) -> None:
    schema = {"1": {"type": "object"}}
    body = EventTypeIn(
        name="a.b", description="d", schemas=schema, feature_flags=["x"], group_name="g"
    )

    created = svix.event_type.create(body)

    assert (created.schemas, created.feature_flags, created.group_name) == (schema, ["x"], "g")
    assert svix.event_type.get("a.b") == created
    svix.event_type.create(EventTypeIn(name="a.a", description=""))
    assert svix.event_type.patch("a.b", EventTypePatch(deprecated=True)).deprecated is True
    listed = svix.event_type.list(EventTypeListOptions(with_content=True))
    assert [(event_type.name, event_type.schemas) for event_type in listed.data] == [
        ("a.a", None),
        ("a.b", schema),
    ]
    svix.event_type.delete("a.b")
    assert [event_type.name for event_type in svix.event_type.list().data] == ["a.a"]


def test_operational_endpoints(svix: Svix) -> None:
    endpoints = svix.operational_webhook.endpoint
    wanted = OperationalWebhookEndpointIn(
        url="https://e.test/ops", uid="ops", event_types=["endpoint.disabled"], secret=rows.SECRET
    )
    created = endpoints.create(wanted)
    assert endpoints.get("ops") == created
    assert (created.event_types, created.disabled) == (["endpoint.disabled"], False)
    assert [each.id for each in endpoints.list().data] == [created.id]

    replaced = endpoints.upsert(
        "ops", OperationalWebhookEndpointUpsertIn(url="https://e.test/2", uid="ops")
    )
    assert (replaced.id, replaced.event_types) == (created.id, None)
    endpoints.set_headers("ops", OperationalWebhookEndpointHeadersIn(headers={"X-Mine": "m"}))
    assert endpoints.get_headers("ops").headers == {"X-Mine": "m"}
    assert endpoints.get_secret("ops").key == rows.SECRET
    endpoints.rotate_secret("ops", OperationalWebhookEndpointSecretIn())
    assert endpoints.get_secret("ops").key != rows.SECRET

    assert svix.application.list().data == []
    endpoints.delete("ops")
    assert endpoints.list().data == []


def test_event_types_are_imported(svix: Svix) -> None:
    text = "openapi: 3.1.0\nwebhooks:\n  a.b:\n    post: {description: d}\n"

    dry = svix.event_type.import_openapi(EventTypeImportOpenApiIn(spec_raw=text, dry_run=True))
    done = svix.event_type.import_openapi(EventTypeImportOpenApiIn(spec_raw=text))

    assert [each.name for each in dry.data.to_modify or []] == ["a.b"]
    assert (dry.data.modified, done.data.modified) == ([], ["a.b"])
    assert svix.event_type.get("a.b").description == "d"
    with pytest.raises(HttpError) as refused:
        svix.event_type.import_openapi(EventTypeImportOpenApiIn())
    assert (refused.value.status_code, refused.value.code) == (400, "invalid_spec")
