"""Pages over real rows, through the list of applications."""

from typing import Any

import pytest
from django.db.models import QuerySet

from endpoints.models import EventType, Organization, Tenant
from tests import rows
from webhooks_platform.api.errors import FieldError
from webhooks_platform.api.pagination import Page, id_key, name_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.TENANT)


@pytest.fixture
def tenants(organization: Organization) -> list[Tenant]:
    return [rows.tenant(name=str(number)) for number in range(5)]


def page(default: Any = "ascending", **query: str) -> Page[Tenant]:
    return paginate(query, Tenant.objects.all(), KEY, default_order=default)


def names(found: Page[Tenant]) -> str:
    return "".join(row.name for row in found.rows)


def name_of(tenant: Tenant) -> str:
    return ids.to_text(ids.TENANT, tenant.id)


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_walks_forth_and_back(tenants: list[Tenant], order: str) -> None:
    wanted = ["01", "23", "4"] if order == "ascending" else ["43", "21", "0"]

    first = page(limit="2", order=order)
    second = page(limit="2", order=order, iterator=str(first.iterator))
    third = page(limit="2", order=order, iterator=str(second.iterator))
    back = page(limit="2", order=order, iterator=str(third.prev_iterator))
    start = page(limit="2", order=order, iterator=str(back.prev_iterator))

    assert [names(each) for each in (first, second, third)] == wanted
    assert [each.done for each in (first, second, third)] == [False, False, True]
    assert [names(each) for each in (back, start)] == [wanted[1], wanted[0]]
    assert [each.done for each in (back, start)] == [False, True]


def test_names_first_and_last_row(tenants: list[Tenant]) -> None:
    body = page(limit="2").body(["shown"])

    assert body == {
        "data": ["shown"],
        "iterator": name_of(tenants[1]),
        "prevIterator": f"-{name_of(tenants[0])}",
        "done": False,
    }


@pytest.mark.django_db
def test_an_empty_page_has_no_iterators() -> None:
    assert page().body([]) == {"data": [], "iterator": None, "done": True}


def test_a_row_deleted_meanwhile_is_still_a_place(tenants: list[Tenant]) -> None:
    first = page(limit="2")
    tenants[1].delete()

    assert names(page(limit="2", iterator=str(first.iterator))) == "23"


def test_keeps_its_own_order_unless_told(tenants: list[Tenant]) -> None:
    assert names(page("descending")) == "43210"
    fixed = paginate({"order": "ascending"}, Tenant.objects.all(), KEY, fixed_order=True)
    assert names(fixed) == "43210"


def test_pages_by_name(organization: Organization) -> None:
    for name in ("b", "a", "c"):
        EventType.objects.create(organization=organization, name=name)
    found: QuerySet[EventType] = EventType.objects.all()

    first = paginate({"limit": "2"}, found, name_key("name"), default_order="ascending")
    rest = paginate(
        {"limit": "2", "iterator": str(first.iterator)},
        found,
        name_key("name"),
        default_order="ascending",
    )

    assert [row.name for row in (*first.rows, *rest.rows)] == ["a", "b", "c"]
    assert (first.iterator, rest.done) == ("b", True)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        pytest.param({"limit": "0"}, ["query", "limit", "limit"], id="0"),
        pytest.param({"limit": "251"}, ["query", "limit", "limit"], id="251"),
        pytest.param({"limit": "-1"}, ["query", "limit", "limit"], id="negative"),
        pytest.param({"limit": "\u0661"}, ["query", "limit", "limit"], id="other digits"),
        pytest.param({"limit": "1" * 5000}, ["query", "limit", "limit"], id="long"),
        pytest.param({"order": "up"}, ["query", "order"], id="order"),
        pytest.param({"iterator": "x"}, ["query", "iterator"], id="no id"),
        pytest.param({"iterator": "-"}, ["query", "iterator"], id="nothing to go back from"),
        pytest.param(
            {"iterator": ids.to_text(ids.ENDPOINT, ids.new())}, ["query", "iterator"], id="other"
        ),
        pytest.param({"iterator": "app_" + "z" * 26}, ["query", "iterator"], id="too large"),
    ],
)
def test_refuses_a_parameter(query: dict[str, str], place: list[str]) -> None:
    with pytest.raises(FieldError) as caught:
        page(**query)

    assert caught.value.faults[0]["loc"] == place
