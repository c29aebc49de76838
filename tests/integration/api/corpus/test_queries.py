"""Query strings: a value that its parameter does not take is 422 with its name, on every route."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.api.corpus.conftest import Complaints, World
from tests.integration.api.operations import lists, operations
from webhooks_platform.api.pagination import NAME
from webhooks_platform.lib import ids

LONG = "x" * 3000
ID = ids.to_text("", ids.new())
#: Correctly prefixed ones made the reference server panic.
ITERATORS = [
    "-",
    "--",
    "x y",
    "\x00",
    "\ud800",
    "msg_",
    "msg_x",
    "-msg_x",
    "app_\x00",
    "ep_" + "z" * 26,
    "atmpt_" + "8" + ID[1:],
    "msg_" + ID.upper(),
    "msg_" + ID + "x",
    "msg_" + "\u0661" * 26,
    "none_" + ID + "/",
    LONG,
    "-" + LONG,
]
#: Lists that are ordered by name, in which many of these are good.
BY_NAME = {"/event-type"}
TIMES = [
    "yesterday",
    "1767225600",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-02-30T12:00:00Z",
    "2026-01-31T25:00:00Z",
    "2026-01-31T12:00:00+99:00",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01T00:00:00Z",
    "2026-01-31T12:00:00Z\x00",
    "\u0662026-01-31T12:00:00Z",
    LONG,
]
GOOD_TIMES = [
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.123456789Z",
    "2026-01-31T12:00:00%2B00:00",
    "2026-01-31T12:00:00+02:00",
    "2026-01-31T12:00:00.5-11:30",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
]
#: Parameters that are times, by the names that the wire gives them.
TIME_NAMES = ("before", "after", "since", "until")


def escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def told(world: World, complaints: Complaints, operation: Any, name: str, text: str) -> None:
    """Ask with one parameter and complain unless it is refused by its name."""
    what = f"{operation}?{name}={text[:30]!r}"
    answer = world.send(operation, path=f"{world.path(operation)}?{name}={escaped(text)}")
    if complaints.check(what, answer, 422):
        places = [fault["loc"][:2] for fault in answer.json()["detail"]]
        if places != [["query", name]]:
            complaints.append(f"{what}: {places}")


@pytest.mark.parametrize("text", ITERATORS, ids=lambda text: repr(text[:12]))
def test_a_malformed_iterator_is_refused(world: World, complaints: Complaints, text: str) -> None:
    for operation in lists():
        if operation.path not in BY_NAME or not NAME.fullmatch(text.removeprefix("-")):
            told(world, complaints, operation, "iterator", text)


@pytest.mark.parametrize(
    "text", ["0", "251", "-1", "", "x", "1.0", "+1", " 1", "1e1", "0x1", "\u0661", "1" * 5000]
)
def test_a_page_has_1_to_250_rows(world: World, complaints: Complaints, text: str) -> None:
    for operation in lists():
        told(world, complaints, operation, "limit", text)


def test_both_bounds_of_the_limit_are_taken(world: World, complaints: Complaints) -> None:
    for operation in lists():
        for limit in (1, 250):
            answer = world.send(operation, params={"limit": limit})
            complaints.check(f"{operation} {limit}", answer, 200)


@pytest.mark.parametrize("text", TIMES, ids=lambda text: repr(text[:30]))
def test_what_is_no_time_is_refused(world: World, complaints: Complaints, text: str) -> None:
    for operation in operations():
        for name in operation.query.keys() & set(TIME_NAMES):
            told(world, complaints, operation, name, text)


@pytest.mark.parametrize("text", GOOD_TIMES)
def test_times_are_taken_as_sdks_write_them(
    world: World, complaints: Complaints, text: str
) -> None:
    for operation in lists():
        for name in operation.query.keys() & set(TIME_NAMES):
            path = f"{world.path(operation)}?{name}={text}"
            complaints.check(f"{operation} {name}", world.send(operation, path=path), 200)


def test_a_flag_is_true_or_false(world: World, complaints: Complaints) -> None:
    for operation in operations():
        for name, schema in operation.query.items():
            if schema.get("type") == "boolean" and operation.method != "DELETE":
                for text in ("1", "yes", "True", "null", "\x00", ""):
                    if operation.takes_body:
                        # The body is read after it, or with it.
                        told_of_both(world, complaints, operation, name, text)
                    else:
                        told(world, complaints, operation, name, text)


def told_of_both(
    world: World, complaints: Complaints, operation: Any, name: str, text: str
) -> None:
    path = f"{world.path(operation)}?{name}={escaped(text)}"
    complaints.check(f"{operation}?{name}={text!r}", world.send(operation, b"{}", path=path), 422)


@pytest.mark.parametrize("text", ["bogus", "\x00", "0", "OPEN", LONG])
def test_a_choice_is_one_of_those_described(
    world: World, complaints: Complaints, text: str
) -> None:
    for operation in operations():
        for name, schema in operation.query.items():
            if "enum" in schema and text not in map(str, schema["enum"]):
                told(world, complaints, operation, name, text)


@pytest.mark.parametrize("text", ["x", "-1", "5", "1.0", "99999999999999999999", "\x00"])
def test_a_number_is_one_of_those_described(
    world: World, complaints: Complaints, text: str
) -> None:
    for operation in operations():
        for name, schema in operation.query.items():
            if schema.get("type") == "integer" and name != "limit":
                told(world, complaints, operation, name, text)


@pytest.mark.parametrize("text", ["%00", "%FF", "%ED%A0%80", "%zz", LONG])
def test_no_text_in_a_query_breaks_anything(
    world: World, complaints: Complaints, text: str
) -> None:
    for operation in operations():
        if operation.method != "GET":
            continue
        for name in (*operation.query, "%00", "%FF", "event_types[0]"):
            answer = world.send(operation, path=f"{world.path(operation)}?{name}={text}")
            complaints.check(f"{operation}?{name}={text[:30]}", answer, 200, 404, 422)


def test_what_is_not_known_is_ignored(world: World, complaints: Complaints) -> None:
    for operation in operations():
        if operation.method == "GET":
            plain, odd = world.send(operation), world.send(operation, params={"unknown": "1"})
            complaints.check(operation, odd, plain.status_code)
