"""The environment is read once, and every fault in it is said at once."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode

import pytest

from webhooks_platform import env
from webhooks_platform.env import Environment, SettingsError

RING = urlsafe_b64encode(bytes(range(32))).decode()
PRODUCTION = {
    "WEBHOOKS_ENV": "production",
    "DATABASE_URL": "postgresql://webhooks@postgres/webhooks",
    "REDIS_URL": "redis://redis/0",
    "SECRET_KEY": "k" * 40,
    "WEBHOOKS_ENCRYPTION_KEYS": RING,
    "WEBHOOKS_PUBLIC_URL": "https://webhooks.example",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*Environment.model_fields, "PROMETHEUS_MULTIPROC_DIR"]:
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Environment:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return env.read()


def problems(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(monkeypatch, **variables)
    first, *lines = str(refused.value).splitlines()
    assert first == "The settings are not complete; change these environment variables:"
    return [line.strip() for line in lines]


def test_production_with_everything_set_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, **PRODUCTION)

    assert found.WEBHOOKS_RETRY_SCHEDULE == [60, 300, 1800, 7200, 43200]
    assert found.allowed_networks == ()
    assert found.WEBHOOKS_DEBUG is False


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "REDIS_URL", "SECRET_KEY", "WEBHOOKS_ENCRYPTION_KEYS"]
)
def test_production_refuses_a_missing_store_or_key(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (problem,) = problems(monkeypatch, **{**PRODUCTION, name: ""})

    assert problem.startswith(f"{name}: must be set")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        pytest.param("SECRET_KEY", "k" * 39, "at least 40", id="short key"),
        pytest.param("SECRET_KEY", env.DEVELOPMENT_KEY, "at least 40", id="published key"),
        pytest.param(
            "WEBHOOKS_ENCRYPTION_KEYS",
            f"{RING},{env.DEVELOPMENT_RING}",
            "published development key",
            id="published ring",
        ),
        pytest.param("WEBHOOKS_ENCRYPTION_KEYS", "short", "not a Fernet key", id="no Fernet key"),
        pytest.param("WEBHOOKS_JWT_SECRET", "j" * 31, "at least 32", id="short JWT secret"),
        pytest.param("WEBHOOKS_DEBUG", "1", "must be off", id="debug"),
        pytest.param("WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.1/32", "refused", id="loopback"),
        pytest.param("WEBHOOKS_ALLOWED_NETWORKS", "::1/128", "refused", id="loopback of IPv6"),
        pytest.param("WEBHOOKS_ALLOWED_NETWORKS", "169.254.0.0/16:80", "refused", id="link-local"),
        pytest.param("WEBHOOKS_ALLOWED_NETWORKS", "0.0.0.0/0", "refused", id="everything"),
        pytest.param("WEBHOOKS_ALLOWED_NETWORKS", "168.63.129.16/32", "refused", id="metadata"),
    ],
)
def test_production_refuses_what_is_not_safe(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    (problem,) = problems(monkeypatch, **{**PRODUCTION, name: value})

    assert problem.startswith(f"{name}: ")
    assert text in problem


def test_production_may_reach_private_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(
        monkeypatch, **PRODUCTION, WEBHOOKS_ALLOWED_NETWORKS="10.0.0.0/8:443, fd12:3456::/32"
    )

    assert [str(entry) for entry in found.allowed_networks] == ["10.0.0.0/8:443", "fd12:3456::/32"]


def test_development_may_reach_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, WEBHOOKS_ALLOWED_NETWORKS="127.0.0.1/32:8090")

    assert str(found.allowed_networks[0]) == "127.0.0.1/32:8090"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOKS_ENV", "staging"),
        ("WEBHOOKS_RETRY_SCHEDULE", "60,soon"),
        ("WEBHOOKS_RETRY_SCHEDULE", "-1"),
        ("WEBHOOKS_RETRY_SCHEDULE", ",".join(["1"] * 101)),
        ("WEBHOOKS_SEND_TIMEOUT", "0"),
        ("WEBHOOKS_SEND_TIMEOUT", "61"),
        ("WEBHOOKS_DISABLE_AFTER", "-1"),
        ("WEBHOOKS_PERMANENT_STATUSES", "4xx"),
        ("WEBHOOKS_PERMANENT_STATUSES", "410-400"),
        ("WEBHOOKS_ALLOWED_NETWORKS", "10.0.0.0/33"),
        ("WEBHOOKS_METRICS_NETWORKS", "prometheus"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53:53,dns.example:53"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53:0"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53:99999"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53:-5"),
        ("WEBHOOKS_NAMESERVERS", "[127.0.0.1:53"),
        ("WEBHOOKS_NAMESERVERS", "[127.0.0.1]:53"),
        ("WEBHOOKS_NAMESERVERS", "::1:53"),
        ("WEBHOOKS_NAMESERVERS", "10.0.0.53:5\u0663"),
        ("WEBHOOKS_ENDPOINT_IN_FLIGHT", "0"),
        ("WEBHOOKS_HTTPS_ONLY", "perhaps"),
        ("WEBHOOKS_PUBLIC_URL", "webhooks.example"),
        ("WEBHOOKS_CELL", "c"),
        ("WEBHOOKS_CELL", "ci"),
        ("WEBHOOKS_CELL", "C1"),
        ("WEBHOOKS_CELL", "c1\n"),
        ("WEBHOOKS_MAX_BODY", "12"),
        ("WEBHOOKS_IN_FLIGHT", "0"),
        ("WEBHOOKS_RETENTION_DAYS", "1"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    found = problems(monkeypatch, **{name: value})

    assert {problem.split(":")[0].split(".")[0] for problem in found} == {name}


@pytest.mark.parametrize(
    ("name", "missing"), [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")]
)
def test_one_store_alone_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    keys = {"SECRET_KEY": "k", "WEBHOOKS_ENCRYPTION_KEYS": RING}
    urls = {"DATABASE_URL": "postgresql://y/z", "REDIS_URL": "redis://y/0"}

    assert problems(monkeypatch, **keys, **{name: urls[name]}) == [
        f"{missing}: set both stores, or neither to use the embedded ones"
    ]


def test_stores_of_another_kind_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"SECRET_KEY": "k", "WEBHOOKS_ENCRYPTION_KEYS": RING}

    assert problems(monkeypatch, **keys, DATABASE_URL="mysql://a/b", REDIS_URL="http://x") == [
        "DATABASE_URL: must be a URL like postgresql://user@host/name",
        "REDIS_URL: must be a URL like redis://host:6379/0",
    ]


def test_an_empty_schedule_means_no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, WEBHOOKS_RETRY_SCHEDULE="").retry_schedule == []


def test_a_process_lists_all_problems_in_one_message_and_does_not_start() -> None:
    variables = {
        "WEBHOOKS_ENV": "production",
        "SECRET_KEY": "short",
        "WEBHOOKS_SEND_TIMEOUT": "abc",
        "WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8,nowhere",
        "WEBHOOKS_PERMANENT_STATUSES": "9",
    }
    finished = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 1
    first, *lines = finished.stderr.splitlines()
    assert first.startswith("The settings are not complete")
    assert [line.split(":")[0].strip() for line in lines] == [
        "WEBHOOKS_SEND_TIMEOUT",
        "DATABASE_URL",
        "REDIS_URL",
        "WEBHOOKS_ENCRYPTION_KEYS",
        "SECRET_KEY",
        "WEBHOOKS_PERMANENT_STATUSES",
        "WEBHOOKS_ALLOWED_NETWORKS",
        "WEBHOOKS_ALLOWED_NETWORKS",
    ]
    assert "short" not in finished.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("WEBHOOKS_RETRY_SCHEDUL", "; do you mean WEBHOOKS_RETRY_SCHEDULE?", id="near"),
        pytest.param("webhooks_env", "; do you mean WEBHOOKS_ENV?", id="in small letters"),
        pytest.param("WEBHOOKS_SECRET_KEYS", "; do you mean SECRET_KEY?", id="without prefix"),
        pytest.param("WEBHOOKS_XYZ", "", id="nothing like it"),
    ],
)
def test_a_variable_that_is_no_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")

    assert env.unknown_names() == [f"{name}: is no setting{meant}"]


@pytest.mark.parametrize(
    "name",
    [
        "WEBHOOKS_IN_FLIGHT",
        "WEBHOOKS_PORT",
        "WEBHOOKS_PORT_8000_TCP_ADDR",
        "WEBHOOKS_API_SERVICE_HOST",
        "WEBHOOKS_SERVICE_PORT_HTTP",
        "MY_WEBHOOKS_TYPO",
    ],
)
def test_settings_and_what_kubernetes_sets_are_no_mistakes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")

    assert env.unknown_names() == []


def test_a_mistyped_name_is_said_beside_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, **{**PRODUCTION, "REDIS_URL": ""}, WEBHOOKS_REDIS_URL="redis://")

    assert found == [
        "REDIS_URL: must be set in production",
        "WEBHOOKS_REDIS_URL: is no setting; do you mean REDIS_URL?",
    ]


def test_a_command_without_the_stores_of_make_up_says_what_to_start() -> None:
    # The developer's own `make up` may be running in this checkout.
    script = (
        "import sys, manage; from pathlib import Path; from webhooks_platform import env; "
        "env.ROOT = env.EMBEDDED_STORES = Path('/nonexistent'); "
        "sys.argv[1:] = ['create_api_key', '--platform', 'x']; manage.main()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 1
    assert finished.stderr.splitlines() == [env.STORES_DOWN]
    assert finished.stdout == ""
