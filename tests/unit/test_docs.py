"""The docs know every setting, status, error kind and metric, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from deliveries.error_kinds import ErrorKind
from deliveries.models import DeadLetter, DeliveryStatus
from endpoints import policy
from endpoints.api.serializers.fields import POLICY_SCHEMA
from webhooks_platform.env import Environment
from webhooks_platform.lib import metrics
from webhooks_platform.metrics_page import GAUGES

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
POLICY = (ROOT / "docs/delivery_policy.md").read_text()
STATES = (ROOT / "docs/state_machine.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RECORDS = sorted((ROOT / "docs/adr").glob("*.md"))
PATH = apps.get_app_config("deliveries")
#: As import-linter has to be told of each.
MODULES = sorted(
    {path.stem for path in (ROOT / "deliveries").iterdir() if path.suffix == ".py" or path.is_dir()}
    - {"__init__", "__pycache__", "apps", "migrations", "templates"}
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", Environment.model_fields)
def test_every_setting_has_a_row(name: str) -> None:
    assert f"| `{name}` |" in OPERATIONS


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATIONS, re.MULTILINE))

    assert documented == {*Environment.model_fields, "PROMETHEUS_MULTIPROC_DIR"}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_the_path_has_a_row(module: str) -> None:
    assert re.search(
        rf"^\| .*`{module}/?`.* \| (door|stage|step|tool) \|", ARCHITECTURE, re.MULTILINE
    )


@pytest.mark.parametrize("table", sorted(m._meta.db_table for m in PATH.get_models()))
def test_every_table_of_the_path_has_a_row(table: str) -> None:
    assert re.search(rf"^\| .*`{table}`.* \|", ARCHITECTURE, re.MULTILINE)


def test_the_policy_has_a_row_and_a_schema_for_each_member() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", POLICY, re.MULTILINE)

    assert documented == list(policy._READERS)
    assert list(POLICY_SCHEMA["properties"]) == documented


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_error_kind_has_a_row_that_says_whose_it_is(kind: ErrorKind) -> None:
    assert f"| `{kind}` | {'ours' if kind.is_ours else 'theirs'} |" in OPERATIONS


@pytest.mark.parametrize("status", DeliveryStatus)
def test_every_status_has_a_row_that_says_whether_it_is_open(status: DeliveryStatus) -> None:
    is_open = status in {DeliveryStatus.PENDING, DeliveryStatus.SENDING}

    assert f"| `{status.name}` | {'yes' if is_open else 'no'} |" in STATES


@pytest.mark.parametrize("reason", DeadLetter.Reason)
def test_every_reason_of_a_dead_letter_is_explained(reason: str) -> None:
    assert f"`{reason}`" in OPERATIONS
    assert f"`{reason}`" in STATES


def test_the_documented_metrics_are_the_metrics() -> None:
    documented = set(re.findall(r"^\| `(webhook_\w+)` \|", OPERATIONS, re.MULTILINE))
    ours = {metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)}
    counted = {
        family.name + ("_total" if family.type == "counter" else "")
        for metric in ours
        for family in metric.describe()
    }

    assert documented == {
        *counted,
        *(name for name, _ in GAUGES.values()),
        "webhook_backlog_readable",
    }
    assert REGISTRY.get_sample_value("webhook_events_accepted_total") is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(record.name[:4]) for record in RECORDS]

    assert numbers == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_decision_says_why_and_what_was_rejected(record: Path) -> None:
    text = record.read_text()

    assert re.match(r"# \d+\. ", text)
    for part in ("**Status:**", "**Tags:**", "## Why", "## Rejected"):
        assert part in text
    assert len(text.splitlines()) <= 45
