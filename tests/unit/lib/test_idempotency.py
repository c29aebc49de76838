from uuid import UUID

import pytest

from webhooks_platform.lib.idempotency import InvalidKeyError, fingerprint, key_id

ORGANIZATION = UUID(int=1)
ROUTE = "/api/v1/app"


def hashed(key: str = "k", route: str = ROUTE, tenant: UUID | None = None) -> UUID:
    return key_id(key, organization_id=ORGANIZATION, tenant_id=tenant, route=route)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("k" * 256, id="256 characters"),
        pytest.param("schlüssel", id="not ASCII"),
        pytest.param("a\nb", id="control character"),
    ],
)
def test_refuses_a_key(key: str) -> None:
    with pytest.raises(InvalidKeyError):
        hashed(key)


def test_takes_255_printable_characters() -> None:
    assert hashed("k" * 255) == hashed("k" * 255)


def test_keeps_organizations_tenants_routes_and_keys_apart() -> None:
    others = {
        hashed("other"),
        hashed(route=ROUTE + "/x"),
        hashed(tenant=UUID(int=2)),
        key_id("k", organization_id=UUID(int=2), tenant_id=None, route=ROUTE),
        hashed("1:k", route="/api/v1/ap"),
    }

    assert hashed() not in others
    assert len(others) == 5


def test_fingerprints_body_and_query() -> None:
    assert fingerprint(b"{}", b"") == fingerprint(b"{}", b"")
    assert len({fingerprint(b"{}", b""), fingerprint(b"{ }", b""), fingerprint(b"", b"{}")}) == 3
