"""What every answer tells browsers."""

import pytest
from django.test import Client

from webhooks_platform.lib import security_headers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "status", "policy"),
    [
        ("/livez", 200, security_headers.API_POLICY),
        ("/api/v1/nothing", 404, security_headers.API_POLICY),
        ("/metrics", 200, security_headers.API_POLICY),
        ("/admin/login/", 200, security_headers.PAGE_POLICY),
        ("/static/admin/css/login.css", 200, security_headers.PAGE_POLICY),
    ],
)
def test_every_answer_carries_the_headers(
    client: Client, path: str, status: int, policy: str
) -> None:
    answer = client.get(path)
    answer.close()

    assert answer.status_code == status
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Content-Security-Policy"] == policy


@pytest.mark.parametrize("policy", [security_headers.API_POLICY, security_headers.PAGE_POLICY])
def test_neither_policy_lets_inline_code_run(policy: str) -> None:
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
