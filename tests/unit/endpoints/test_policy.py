"""Delivery policies: what overrides what, and what is refused."""

from typing import Any

import pytest

from endpoints import policy
from endpoints.policy import DeliveryPolicy, PolicyError

DEFAULT = DeliveryPolicy(schedule=(60.0, 300.0), send_timeout=15.0, permanent_statuses="400-499")


def test_the_platforms_defaults_are_those_of_the_environment() -> None:
    assert policy.platform() == DeliveryPolicy(
        schedule=(60, 300, 1800, 7200, 43200),
        send_timeout=15,
        permanent_statuses="400-407,409-424,426-428,430-499",
        signature_header=None,
    )


@pytest.mark.parametrize(
    ("tenant", "endpoint", "expected"),
    [
        pytest.param({}, {}, DEFAULT, id="nothing overridden"),
        pytest.param(
            {"retrySchedule": [1, 2.5], "sendTimeout": 3},
            {},
            DeliveryPolicy((1.0, 2.5), 3.0, "400-499"),
            id="the tenant over the platform",
        ),
        pytest.param(
            {"sendTimeout": 3, "signatureHeader": "Omni-Signature"},
            {"sendTimeout": 4.5, "retrySchedule": [], "permanentStatuses": "404, 410-412"},
            DeliveryPolicy((), 4.5, "404, 410-412", "Omni-Signature"),
            id="the endpoint over the tenant, key by key",
        ),
        pytest.param(
            {"sendTimeout": 3},
            {"sendTimeout": None},
            DeliveryPolicy((60.0, 300.0), 3.0, "400-499"),
            id="null inherits",
        ),
        pytest.param(
            {"signatureHeader": "X-Signature"},
            {"signatureHeader": ""},
            DEFAULT,
            id="an empty header name undoes the tenant's",
        ),
        pytest.param(
            {"permanentStatuses": ""},
            {},
            DeliveryPolicy((60.0, 300.0), 15.0, ""),
            id="no status is permanent",
        ),
    ],
)
def test_a_policy_is_resolved_key_by_key(
    tenant: dict[str, Any], endpoint: dict[str, Any], expected: DeliveryPolicy
) -> None:
    assert policy.resolve(DEFAULT, tenant, endpoint) == expected


@pytest.mark.parametrize(
    ("override", "key", "message"),
    [
        pytest.param([], "", "must be an object", id="a list"),
        pytest.param({"retries": 3}, "retries", "no such setting", id="unknown key"),
        pytest.param({"retrySchedule": "60"}, "retrySchedule", "must be a list", id="text"),
        pytest.param({"retrySchedule": [0] * 101}, "retrySchedule", "at most 100", id="too long"),
        pytest.param({"retrySchedule": [-1]}, "retrySchedule", "from 0 to 31536000", id="negative"),
        pytest.param({"retrySchedule": [31_536_001]}, "retrySchedule", "from 0", id="over a year"),
        pytest.param({"retrySchedule": [True]}, "retrySchedule", "from 0", id="a boolean"),
        pytest.param({"sendTimeout": 0}, "sendTimeout", "above 0", id="no time at all"),
        pytest.param({"sendTimeout": 60.1}, "sendTimeout", "at most 60", id="longer than a lease"),
        pytest.param({"sendTimeout": "15"}, "sendTimeout", "must be a number", id="quoted"),
        pytest.param({"permanentStatuses": [404]}, "permanentStatuses", "a text", id="a list"),
        pytest.param({"permanentStatuses": "4xx"}, "permanentStatuses", "ranges", id="a class"),
        pytest.param({"permanentStatuses": "200"}, "permanentStatuses", "within 300", id="2xx"),
        pytest.param({"permanentStatuses": "407-400"}, "permanentStatuses", "rising", id="falling"),
        pytest.param({"permanentStatuses": "404,"}, "permanentStatuses", "statuses", id="a gap"),
        pytest.param(
            {"signatureHeader": "a b"}, "signatureHeader", "not a header name", id="a space"
        ),
        pytest.param({"signatureHeader": "Host"}, "signatureHeader", "reserved", id="framing"),
        pytest.param({"signatureHeader": "Accept"}, "signatureHeader", "itself", id="our own"),
        pytest.param({"signatureHeader": "AUTHORIZATION"}, "signatureHeader", "itself", id="basic"),
        pytest.param({"signatureHeader": 1}, "signatureHeader", "a header name", id="a number"),
    ],
)
def test_a_bad_override_is_refused_by_its_key(override: object, key: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy.checked(override)

    assert [fault[0] for fault in caught.value.faults] == [key]
    assert message in caught.value.faults[0][1]


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        policy.checked({"sendTimeout": 0, "nope": 1})

    assert [fault[0] for fault in caught.value.faults] == ["sendTimeout", "nope"]


def test_what_is_stored_has_no_nulls() -> None:
    assert policy.checked({"sendTimeout": 5, "retrySchedule": None}) == {"sendTimeout": 5}
    assert policy.checked(None) == {}
