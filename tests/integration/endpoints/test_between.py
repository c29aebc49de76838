"""`before` and `after` of every list: any time that can be written, compared with the row's."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from endpoints.models import AuditEntry, Tenant
from tests.integration.endpoints.conftest import Api

LISTS = [
    "/api-key",
    "/audit",
    "/app/alice/audit",
    "/app/alice/dead-letter",
    "/dead-letter",
    "/app/alice/replay",
    "/background-task",
]
OLD = ["0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"]
FAR = ["9999-12-31T23:59:59.999999Z"]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_every_time(api: Api, alice: Tenant, path: str) -> None:
    api("PATCH", "/app/alice", {"name": "Alice again"}, status=200)
    everything = api("GET", path, status=200)["data"]

    for when, before, after in [(old, [], everything) for old in OLD] + [
        (far, everything, []) for far in FAR
    ]:
        assert api("GET", f"{path}?before={when}", status=200)["data"] == before
        assert api("GET", f"{path}?after={when}", status=200)["data"] == after
    # With its offset it is no time of the years that there are.
    for name, beyond in (
        ("before", "0001-01-01T00:00:00+01:00"),
        ("after", FAR[0][:-1] + "-01:00"),
    ):
        answer = api("GET", f"{path}?{name}={quote(beyond)}", status=422)
        assert answer["detail"][0]["loc"] == ["query", name]


def test_the_bounds_are_compared_with_what_is_shown(api: Api, alice: Tenant) -> None:
    api("PATCH", "/app/alice", {"name": "Alice again"}, status=200)
    [entry] = api("GET", "/audit", status=200)["data"]
    at = AuditEntry.objects.get().at

    def found(bound: str, microseconds: int) -> bool:
        when = (at + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
        return bool(api("GET", f"/audit?{bound}={when}", status=200)["data"])

    assert entry["at"] == at.isoformat().replace("+00:00", "Z")
    assert [found("before", delta) for delta in (-1, 0, 1)] == [False, False, True]
    assert [found("after", delta) for delta in (-1, 0, 1)] == [True, False, False]
