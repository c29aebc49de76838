"""Tokens made for svix-server: whose they are, what they may do, and what is refused."""

import asyncio
import base64
import math
import time
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
import time_machine
from django.conf import settings

from endpoints import bearer, jwts
from endpoints.models import AuditEntry, Organization, Tenant
from endpoints.principals import Principal
from tests.integration.endpoints.conftest import Api
from webhooks_platform.api.errors import ApiError
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import connect

SECRET = "a-secret-of-at-least-thirty-two-characters"
FOREIGN = "org_1srOrx2ZWZBpBUvZwXKQmoEYga2"
HOUR = 3600


@pytest.fixture(autouse=True)
def accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.ENVIRONMENT, "WEBHOOKS_JWT_SECRET", SECRET)
    jwts.forget()


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    known = {"iat": now, "nbf": now, "exp": now + HOUR, "iss": "svix-server", "sub": FOREIGN}
    wanted = {name: value for name, value in (known | claims).items() if value is not None}
    return jwt.encode(wanted, secret, algorithm=algorithm)


#: The header of a token that is JSON of 4,000 levels.
DEEP = base64.urlsafe_b64encode(b"[" * 4000).decode() + ".e30.e30"


def refusals(text: str) -> list[int]:
    """Return the statuses with which Django's side and the publish door refuse a token."""
    with pytest.raises(ApiError) as here:
        bearer.authenticate(f"Bearer {text}")
    with pytest.raises(ApiError) as there:
        # No database is asked about what is no token.
        asyncio.run(bearer.authenticate_async(text, Mock()))
    return [here.value.status, there.value.status]


def shown(tenant: Tenant) -> str:
    return ids.to_text(ids.TENANT, tenant.id)


@pytest.mark.django_db
def test_an_unknown_organization_of_a_valid_token_is_made_once() -> None:
    api = Api(token())

    api("POST", "/app", {"name": "Acme", "uid": "acme"}, status=201)
    jwts.forget()
    assert api("GET", "/app", status=200)["data"][0]["uid"] == "acme"

    made = Organization.objects.get(subject=FOREIGN)
    assert (made.name, made.is_default) == (FOREIGN, False)
    assert Tenant.objects.get().organization_id == made.id
    entries = AuditEntry.objects.order_by("id").values_list("actor", "action")
    assert list(entries) == [
        (FOREIGN, "organization.created"),
        (f"token of {FOREIGN}", "tenant.created"),
    ]


def test_svix_default_organization_is_the_default_one_here(organization: Organization) -> None:
    Organization.objects.filter(id=organization.id).update(subject=FOREIGN)

    api = Api(token())
    api("POST", "/app", {"name": "Acme"}, status=201)

    assert Tenant.objects.get().organization_id == organization.id


def test_an_organization_is_named_by_its_own_id_too(
    stranger_organization: Organization, alice: Tenant
) -> None:
    own = ids.to_text(ids.ORGANIZATION, stranger_organization.id)

    assert Api(token(sub=own))("GET", "/app", status=200)["data"] == []
    unknown = ids.new()
    Api(token(sub=ids.to_text(ids.ORGANIZATION, unknown)))("GET", "/app", status=200)
    assert Organization.objects.get(id=unknown).subject is None


def test_a_token_of_an_application_reaches_nothing_else(alice: Tenant, charlie: Tenant) -> None:
    organization = ids.to_text(ids.ORGANIZATION, alice.organization_id)
    api = Api(token(sub=shown(alice), org=organization))

    api("GET", f"/app/{shown(alice)}", status=200)
    api("GET", f"/app/{shown(alice)}/endpoint", status=200)
    api("GET", f"/app/{shown(charlie)}", status=404)
    answer = api("GET", "/app", status=403)
    assert answer["code"] == "insufficient access"
    api("POST", f"/app/{shown(alice)}/msg", {"eventType": "a", "payload": {}}, status=405)


@pytest.mark.parametrize(
    ("made", "status", "detail"),
    [
        # signed with another secret, or not at all
        ({"secret": SECRET + "x"}, 401, "Invalid token"),
        ({"secret": SECRET * 2, "algorithm": "HS512"}, 401, "Invalid token"),
        ({"exp": 1}, 401, "Invalid token"),
        ({"exp": None}, 401, "Invalid token"),
        ({"nbf": 99_999_999_999}, 401, "Invalid token"),
        ({"sub": None}, 401, "missing `sub`"),
        ({"sub": "user_1"}, 400, "names no organization"),
        ({"sub": "org_" + "x" * 61}, 400, "names no organization"),
        ({"sub": "org_a b"}, 400, "names no organization"),
        ({"sub": "app_1srOrx2ZWZBpBUvZwXKQmoEYga2"}, 400, "names no organization"),
        ({"sub": "app_1srOrx2ZWZBpBUvZwXKQmoEYga2", "org": FOREIGN}, 400, "no application"),
    ],
)
@pytest.mark.django_db
def test_what_is_no_valid_token_is_refused(made: dict[str, Any], status: int, detail: str) -> None:
    before = Organization.objects.count()

    answer = Api(token(**made))("GET", "/app", status=status)

    assert detail in answer["detail"]
    assert answer["code"]
    assert Organization.objects.count() == before


NO_TIMES = [math.nan, math.inf, "abc", [1], {}]


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *(("exp", value) for value in [*NO_TIMES, -1, -(10**30), "9999999999", True]),
        *(("nbf", value) for value in [*NO_TIMES, 10**30]),
    ],
    ids=str,
)
@pytest.mark.django_db
def test_a_time_that_does_not_hold_is_refused(claim: str, value: Any) -> None:
    assert refusals(token(**{claim: value})) == [401, 401]
    assert not Organization.objects.filter(subject=FOREIGN).exists()


@pytest.mark.parametrize(
    "exp", [253402300799, 253402300800, 10**18, 10**40, 1e300, 9999999999.5], ids=str
)
@pytest.mark.django_db
def test_a_far_expiry_is_accepted(exp: float) -> None:
    text = token(exp=exp)

    found = bearer.authenticate(f"Bearer {text}")

    assert found.expires_at is not None
    assert found.expires_at.year == (2286 if exp == 9999999999.5 else 9999)
    assert bearer.recall(text) == found


@pytest.mark.parametrize(
    "text", ["", "a.b.c", "nonsense", SECRET, "é", token(algorithm="HS256")[:-3], DEEP]
)
@pytest.mark.django_db
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        bearer.authenticate(f"Bearer {text}")

    assert refused.value.status == 401
    if text == SECRET:
        assert "no token" in refused.value.detail


@pytest.mark.django_db
def test_without_the_setting_no_token_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.ENVIRONMENT, "WEBHOOKS_JWT_SECRET", None)

    Api(token())("GET", "/app", status=401)
    assert not Organization.objects.filter(subject=FOREIGN).exists()


@pytest.mark.django_db
def test_an_expired_token_is_refused_although_remembered() -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        text = token(exp=int(time.time()) + 2)
        assert bearer.authenticate(f"Bearer {text}").key_id is None
        assert bearer.recall(text) is not None
        clock.shift(2)

        assert bearer.recall(text) is None
        with pytest.raises(ApiError):
            bearer.authenticate(f"Bearer {text}")


@pytest.mark.django_db(transaction=True)
def test_the_publish_door_finds_the_same_caller() -> None:
    text = token()

    async def find() -> Principal:
        async with await connect("test") as database:
            return await bearer.authenticate_async(text, database)

    found = asyncio.run(find())

    assert found == bearer.recall(text)
    assert found.scopes == {"publish", "read", "replay", "manage"}
    jwts.forget()
    assert bearer.authenticate(f"Bearer {text}") == found
    assert Organization.objects.filter(subject=FOREIGN).count() == 1
