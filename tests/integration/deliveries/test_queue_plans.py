"""Plans made while a table was empty are still good when it is full.

They outlive the emptiness by minutes: what is prepared is planned anew only after an ANALYZE, and
a table whose statistics say that it has no rows is planned so, however many it has.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import connection

from deliveries import attempt_reports
from deliveries.claim_statement import CLAIM, CLAIM_LIMITED
from deliveries.outcome import Closed, LeasedDelivery
from deliveries.record import RECORD, RECORD_AND_REPORT, _columns
from deliveries.reopening import REOPEN, reopening
from deliveries.rooms import Rooms
from deliveries.sweep import ABANDONED, ENDED
from tests import rows
from tests.integration.deliveries.leasing import dead, delivered, with_connection
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import PLANNED_ONCE, Connection, connect

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("open_delivery", "dead_letter", "throttle", "endpoint_health")
Values = dict[str, Any] | Sequence[Any]


def leased() -> LeasedDelivery:
    return LeasedDelivery(
        id=ids.new(), event_id=ids.new(), endpoint_id=ids.new(), tenant_id=ids.new(),
        lease_id=ids.new(), number=1, charged=0, faults=0, lost=0, trigger=0, closed=Closed.NO,
        version=(0, 0),
    )  # fmt: skip


def record_values() -> Values:
    return _columns([delivered(leased())])


def report_values() -> Values:
    outcomes = [dead(leased())]
    return _columns(outcomes) | (attempt_reports.parameters(outcomes) or {})


def claim_values() -> Values:
    lease = {"seconds": 20.0, "lease": ids.new(), "at_once": ids.EPOCH, "probe": 75.0}
    return Rooms(256).parameters() | lease


def reopen_values() -> Values:
    return reopening(
        job=ids.new(), tenant=ids.new(), endpoint=ids.new(), deliveries=[ids.new()],
        events=[ids.new()], decided_by="", note="",
    )  # fmt: skip


def lease_values() -> Values:
    return [[ids.new()]]


@pytest.fixture(params=["no pages", "pages without rows"])
def empty(request: pytest.FixtureRequest) -> None:
    if request.param == "pages without rows":
        tenant = rows.tenant()
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM open_delivery")
        cursor.execute("VACUUM (ANALYZE, TRUNCATE FALSE) open_delivery, dead_letter")


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        pytest.param(CLAIM, claim_values, id="claim"),
        pytest.param(CLAIM_LIMITED, claim_values, id="claim, limited"),
        pytest.param(RECORD, record_values, id="record"),
        pytest.param(RECORD_AND_REPORT, report_values, id="record and report"),
        pytest.param(ABANDONED, lease_values, id="abandoned"),
        pytest.param(ENDED, lease_values, id="ended"),
        pytest.param(REOPEN, reopen_values, id="reopen"),
    ],
)
def test_rows_are_looked_up_by_index(
    empty: None, statement: str, values: Callable[[], Values]
) -> None:
    scans = list(passes(generic_plan(statement, values())))

    assert [scan for scan in scans if scan["Relation Name"] in TABLES] == []


@pytest.mark.parametrize(
    "statement", [pytest.param(CLAIM, id="claim"), pytest.param(CLAIM_LIMITED, id="claim, limited")]
)
def test_a_claim_does_not_sort_the_queue_to_find_the_next_lane(statement: str) -> None:
    """Rows that statistics do not know of made it fetch all of them once a lane."""
    tenant = rows.tenant()
    rows.open_delivery(rows.event(tenant), rows.endpoint(tenant))
    with connection.cursor() as cursor:
        cursor.execute(MANY)

    plan = generic_plan(statement, claim_values())

    (lanes,) = [part for part in plan["Plans"] if part.get("Subplan Name") == "CTE lane"]
    kinds = {node["Node Type"] for node in nodes(lanes)}
    assert kinds >= {"Recursive Union", "Index Scan"}
    assert kinds & {"Sort", "Bitmap Heap Scan"} == set()


MANY = """
INSERT INTO open_delivery
SELECT (jsonb_populate_record(first, jsonb_build_object('id', gen_random_uuid()))).*
FROM open_delivery first, generate_series(1, 1000)
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def generic_plan(statement: str, values: Values) -> dict[str, Any]:
    """Return the plan that a connection of the delivery loop keeps."""

    async def explained(own: Connection) -> dict[str, Any]:
        await own.execute(statement, values, prepare=True)
        await own.execute("SET plan_cache_mode = force_generic_plan")
        row = await (await own.execute(PREPARED)).fetchone()
        assert row is not None
        (name, count) = row
        nulls = ", ".join(["NULL"] * count)
        explain = f"EXPLAIN (FORMAT JSON) EXECUTE {name} ({nulls})".encode()
        answer = await (await own.execute(explain)).fetchone()
        assert answer is not None
        plan: dict[str, Any] = answer[0][0]["Plan"]
        return plan

    return with_connection(explained)


PREPARED = """
SELECT name, cardinality(parameter_types) FROM pg_prepared_statements ORDER BY prepare_time LIMIT 1
"""


def passes(plan: dict[str, Any], *, first_only: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the scans that go through a whole table or index, but for those that stop at once."""
    bounded = first_only or "Index Cond" in plan or plan["Node Type"] == "Bitmap Heap Scan"
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable" and not bounded:
        yield plan
    for part in plan.get("Plans", ()):
        yield from passes(part, first_only=plan["Node Type"] == "Limit")


def test_one_outcome_is_recorded_without_planning_anew() -> None:
    planned = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement ~ %s"

    async def run() -> list[tuple[int, int]]:
        async with await connect("test", PLANNED_ONCE) as own:
            for _ in range(12):
                await own.execute(RECORD, record_values(), binary=True)
            return await (await own.execute(planned, ["receiving AS"])).fetchall()

    assert asyncio.run(run()) == [(10, 0)]


@pytest.mark.parametrize("statement", [CLAIM, CLAIM_LIMITED], ids=["claim", "limited"])
def test_lanes_that_wait_are_not_looked_at(statement: str) -> None:
    """The search for lanes takes a step for each that has something due, and for no other."""
    tenant = rows.tenant()
    for due_in in (-1.0, *[3600.0] * 20, -1.0):
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant), due_in=due_in)

    [lanes] = parts_like(analysed(statement), {"Node Type": "Recursive Union"})

    assert lanes["Actual Rows"] == 2


def test_no_more_lanes_are_offered_than_slots() -> None:
    """What is offered is locked: of many lanes, only rows that can be picked."""
    tenant = rows.tenant()
    for _ in range(5):
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant))

    [first_round, _] = parts_like(analysed(CLAIM, slots=3), {"Node Type": "LockRows"})

    assert first_round["Actual Loops"] == 3


def analysed(statement: str, **changed: Any) -> dict[str, Any]:
    """Run a claim on a connection like the delivery loop's, take it back, return its plan."""

    async def explained(own: Connection) -> dict[str, Any]:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode()
        async with own.transaction(force_rollback=True):
            answer = await (
                await own.execute(explain, {**dict(claim_values()), **changed})
            ).fetchone()
        assert answer is not None
        plan: dict[str, Any] = answer[0][0]["Plan"]
        return plan

    return with_connection(explained)


def parts_like(plan: dict[str, Any], like: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of a plan with these properties."""
    if like.items() <= plan.items():
        yield plan
    for part in plan.get("Plans", ()):
        yield from parts_like(part, like)
