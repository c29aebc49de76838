"""What the delivery loop reads of an endpoint, and what it must not send."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from endpoints import custom_headers, lifecycle, rotation, signing_secrets, targets
from endpoints.models import Endpoint, SigningSecret, Tenant
from endpoints.policy import DeliveryPolicy, platform
from endpoints.targets import Target
from endpoints.url_policy import parse_url
from tests import rows
from tests.integration.endpoints.conftest import ACTOR
from webhooks_platform.lib import ids, keyring
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def load(*endpoint_ids: UUID) -> dict[UUID, Target]:
    async def read() -> dict[UUID, Target]:
        connection = await connect("test")
        try:
            return await targets.load(connection, endpoint_ids)
        finally:
            await connection.close()

    return asyncio.run(read())


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    return rows.tenant(policy={"sendTimeout": 3, "signatureHeader": "X-Sig"})


def made(tenant: Tenant, **values: Any) -> Endpoint:
    return lifecycle.create(
        tenant,
        {"url": parse_url("https://u:p:q@e.test/a?b"), **values},  # type: ignore[typeddict-item]
        actor=ACTOR,
        secret=rows.SECRET,
        headers=[("X-Mine", "1"), ("x-sig", "forged")],
    )


def test_a_target_holds_all_that_a_send_needs(tenant: Tenant) -> None:
    endpoint = made(tenant, policy={"retrySchedule": [1]})

    target = load(endpoint.id)[endpoint.id]

    assert target == Target(
        endpoint_id=endpoint.id,
        tenant_id=tenant.id,
        version=1,
        tenant_version=1,
        url_text="https://e.test/a?b",
        url=parse_url("https://u:p:q@e.test/a?b"),
        # The name of the signature's header cannot be taken by another one.
        headers=(("X-Mine", "1"),),
        keys=target.keys,
        policy=DeliveryPolicy((1.0,), 3.0, platform().permanent_statuses, "X-Sig"),
        problem=None,
    )
    material = signing_secrets.parse_secret(rows.SECRET)
    assert [(k.kind, k.key, k.expires_at) for k in target.keys] == [("hmac", material.raw, None)]
    assert "MfKQ" not in repr(target) and material.raw.hex() not in repr(target)


def test_unknown_ids_have_no_entry_and_many_are_read_at_once(tenant: Tenant) -> None:
    endpoints = [made(tenant) for _ in range(3)]
    unknown = ids.new()

    loaded = load(unknown, *(endpoint.id for endpoint in endpoints))

    assert set(loaded) == {endpoint.id for endpoint in endpoints}


def test_previous_secrets_sign_after_the_current_one_until_they_expire(tenant: Tenant) -> None:
    endpoint = made(tenant)
    second = rotation.rotate(endpoint, actor=ACTOR, grace_seconds=100)
    third = rotation.rotate(endpoint, actor=ACTOR, grace_seconds=3600)

    target = load(endpoint.id)[endpoint.id]

    first = signing_secrets.parse_secret(rows.SECRET)
    assert [key.key for key in target.keys] == [third.raw, second.raw, first.raw]
    assert target.version == 3
    at = timezone.now()
    assert len(target.keys_at(at)) == 3
    assert len(target.keys_at(at + timedelta(seconds=101))) == 2
    assert [k.key for k in target.keys_at(at + timedelta(seconds=3601))] == [third.raw]


def test_an_expired_secret_is_not_loaded(tenant: Tenant) -> None:
    endpoint = made(tenant)
    rotation.rotate(endpoint, actor=ACTOR, grace_seconds=0)

    assert len(load(endpoint.id)[endpoint.id].keys) == 1


def swap_secret(endpoint: Endpoint, other: Endpoint) -> None:
    token = bytes(other.secrets.get().ciphertext)
    SigningSecret.objects.filter(endpoint=endpoint).update(ciphertext=token)


def swap_headers(endpoint: Endpoint, other: Endpoint) -> None:
    Endpoint.objects.filter(id=endpoint.id).update(headers=other.headers)


def swap_userinfo(endpoint: Endpoint, other: Endpoint) -> None:
    Endpoint.objects.filter(id=endpoint.id).update(userinfo=other.userinfo)


def store_headers(endpoint: Endpoint, text: str) -> None:
    token = keyring.configured().seal(text, bound_to=endpoint.id)
    Endpoint.objects.filter(id=endpoint.id).update(headers=token)


def store_secret(endpoint: Endpoint, text: str) -> None:
    token = keyring.configured().seal(text, bound_to=endpoint.id)
    SigningSecret.objects.filter(endpoint=endpoint).update(ciphertext=token)


def store(endpoint: Endpoint, **values: Any) -> None:
    Endpoint.objects.filter(id=endpoint.id).update(**values)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(swap_secret, "a signing secret cannot be decrypted", id="secret swapped"),
        pytest.param(swap_headers, "the custom headers cannot be decrypted", id="headers swapped"),
        pytest.param(swap_userinfo, "the URL's credentials cannot be", id="credentials swapped"),
        pytest.param(
            lambda e, _: store_secret(e, "MfKQ"), "a signing secret is not valid", id="no secret"
        ),
        pytest.param(
            lambda e, _: SigningSecret.objects.filter(endpoint=e).update(expires_at=timezone.now()),
            "there is no current signing secret",
            id="all expired",
        ),
        pytest.param(
            lambda e, _: store_headers(e, '[["Host", "x"]]'),
            "a custom header is not allowed",
            id="denied header",
        ),
        pytest.param(
            lambda e, _: store_headers(e, '[["A", "a\\r\\nb"]]'),
            "a custom header is not allowed",
            id="injection",
        ),
        pytest.param(
            lambda e, _: store_headers(e, "[1]"), "the custom headers cannot be read", id="no pairs"
        ),
        pytest.param(
            lambda e, _: store_headers(e, '[["A", 1]]'), "the custom headers cannot", id="a number"
        ),
        pytest.param(lambda e, _: store(e, url="file:///x"), "the URL is not valid", id="scheme"),
        pytest.param(
            lambda e, _: store(e, policy={"sendTimeout": "x"}),
            "the delivery policy is not valid",
            id="policy",
        ),
        pytest.param(
            lambda e, _: store(e, policy=[1]), "the delivery policy is not valid", id="policy list"
        ),
    ],
)
def test_what_is_stored_badly_is_a_problem_of_this_endpoint_alone(
    tenant: Tenant, spoil: Callable[[Endpoint, Endpoint], Any], problem: str
) -> None:
    endpoint, other = made(tenant), made(tenant)
    spoil(endpoint, other)

    loaded = load(endpoint.id, other.id)

    target = loaded[endpoint.id]
    assert (target.problem or "").startswith(problem)
    assert (target.url, target.headers, target.keys) == (None, (), ())
    assert loaded[other.id].problem is None


def test_a_key_of_the_ring_that_is_missing_is_a_problem(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = made(tenant)
    other_ring = keyring.Keyring(["A" * 43 + "="])
    monkeypatch.setattr(keyring, "configured", lambda: other_ring)

    target = load(endpoint.id)[endpoint.id]

    assert target.problem == "the URL's credentials cannot be decrypted for this endpoint"
    assert target.policy.send_timeout == 3.0


def test_headers_are_sealed_for_their_endpoint(tenant: Tenant) -> None:
    one, other = made(tenant), made(tenant)
    assert custom_headers.opened(one) == custom_headers.opened(other)
    assert one.headers != other.headers
