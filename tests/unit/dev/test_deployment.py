"""The compose file and its example of settings name what the platform really reads."""

import re
from pathlib import Path

import pytest
import yaml

from webhooks_platform.env import Environment

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = set(Environment.model_fields)
#: Fixed by the image, or refused in production.
NOT_FOR_OPERATORS = {"WEBHOOKS_ENV", "WEBHOOKS_DEBUG"}
#: The compose file's own: how many processes, where it listens, the bundled database.
COMPOSE_ONLY = {
    "API_ADDRESS",
    "API_PORT",
    "API_WORKERS",
    "POSTGRES_PASSWORD",
    "WORKER_PROCESSES",
}
PLATFORM_SERVICES = ["migrate", "api", "worker", "beat"]


@pytest.fixture(scope="module")
def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


def names_in_example() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))


def test_example_names_every_setting_of_an_operator() -> None:
    assert names_in_example() == (SETTINGS - NOT_FOR_OPERATORS) | COMPOSE_ONLY


@pytest.mark.parametrize("service", PLATFORM_SERVICES)
def test_service_gets_every_setting_of_an_operator(compose_text: str, service: str) -> None:
    environment = yaml.safe_load(compose_text)["services"][service]["environment"]

    assert set(environment) == SETTINGS - {"WEBHOOKS_DEBUG"}
    assert environment["WEBHOOKS_ENV"] == "production"


@pytest.mark.parametrize("service", PLATFORM_SERVICES)
def test_service_runs_confined(compose_text: str, service: str) -> None:
    definition = yaml.safe_load(compose_text)["services"][service]

    assert definition["read_only"] is True
    assert definition["cap_drop"] == ["ALL"]
    assert definition["security_opt"] == ["no-new-privileges:true"]


def test_every_substituted_name_is_in_the_example(compose_text: str) -> None:
    assert set(re.findall(r"\$\{([A-Z_]+)", compose_text)) <= names_in_example()


@pytest.mark.parametrize("secret", ["POSTGRES_PASSWORD", "SECRET_KEY", "WEBHOOKS_ENCRYPTION_KEYS"])
def test_secret_is_required_and_has_no_default(compose_text: str, secret: str) -> None:
    assert f"${{{secret}:?" in compose_text
    assert f"${{{secret}:-" not in compose_text
    assert re.search(rf"^{secret}=$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
