"""Settings that work, but that an operator is told about."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from celery import signals
from pytest_django.fixtures import Settings

from endpoints.address_policy import AllowedNetwork
from tests.unit.platform.test_env import PRODUCTION
from webhooks_platform import celery, checks


def environment(**values: object) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "allowed_networks": (),
            "WEBHOOKS_RETRY_SCHEDULE": [60.0, 300.0],
            "WEBHOOKS_HTTPS_ONLY": True,
            **values,
        }
    )


@pytest.mark.parametrize(
    ("network", "production", "expected"),
    [
        pytest.param("10.0.0.0/8", True, ["webhooks.W001"], id="private"),
        pytest.param("10.0.0.0/8", False, [], id="private in development"),
        pytest.param("1.1.1.0/24", True, [], id="public"),
    ],
)
def test_private_networks_in_production_are_named(
    settings: Settings, network: str, production: bool, expected: list[str]
) -> None:
    settings.PRODUCTION = production
    settings.ENVIRONMENT = environment(allowed_networks=(AllowedNetwork.parse(network),))

    assert [message.id for message in checks.check_networks(None)] == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param([60, 300, 1800, 7200, 43200], [], id="default"),
        pytest.param([60, 60], [], id="level"),
        pytest.param([], ["is empty"], id="empty"),
        pytest.param([60, 5], ["does not rise"], id="falling"),
        pytest.param([0.5, 5], ["has a step below a second"], id="hasty"),
        pytest.param([60, 172801], ["has a step above two days"], id="patient"),
        pytest.param([5, 0], ["does not rise", "has a step below a second"], id="two at once"),
    ],
)
def test_odd_schedules_are_named(
    settings: Settings, schedule: list[float], expected: list[str]
) -> None:
    settings.ENVIRONMENT = environment(WEBHOOKS_RETRY_SCHEDULE=schedule)

    messages = [message.msg for message in checks.check_schedule(None)]

    assert messages == [f"WEBHOOKS_RETRY_SCHEDULE {text}." for text in expected]


def test_variables_that_are_no_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_INFLIGHT", "9")

    (message,) = checks.check_names(None)

    assert message.id == "webhooks.W005"
    assert message.msg == "WEBHOOKS_INFLIGHT: is no setting; do you mean WEBHOOKS_IN_FLIGHT?"


def test_warnings_are_logged_for_the_worker(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ENVIRONMENT = environment(WEBHOOKS_RETRY_SCHEDULE=[])

    for starting in (signals.worker_init, signals.beat_init):
        caplog.clear()
        starting.send(sender=celery.app)

        assert "webhooks.W002" in caplog.text


def deploy_check(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={"PATH": os.environ["PATH"], **PRODUCTION, "SECRET_KEY": KEY, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_careful_deployment_passes_djangos_and_our_checks() -> None:
    finished = deploy_check(WEBHOOKS_HTTPS_ONLY="true")

    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_deployment_without_tls_is_warned_of() -> None:
    finished = deploy_check(WEBHOOKS_PUBLIC_URL="http://webhooks.example")

    assert finished.returncode == 1
    assert "webhooks.W003" in finished.stderr
    assert "webhooks.W004" in finished.stderr
