"""Requests that nobody thought of, made from our own OpenAPI document: the server keeps to it.

Short and always the same in the suite; `make fuzz` tries FUZZ_EXAMPLES of each kind, other ones
each time.
"""

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from endpoints.models import Organization
from tests.integration.api.corpus.conftest import World, well_formed
from tests.integration.api.operations import Operation, described, with_body
from tests.server import Server
from webhooks_platform.lib import ids

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SHORT = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def rounds(short: int) -> Any:
    """Return the settings of one property."""
    return settings(
        max_examples=EXAMPLES or short,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


@pytest.fixture
def world(server: Server, organization: Organization) -> Iterator[World]:
    """Name everything by its id, which no change of it changes."""
    made = World(server, organization)
    made.names |= {
        "app_id": ids.to_text(ids.TENANT, made.tenant.id),
        "endpoint_id": ids.to_text(ids.ENDPOINT, made.endpoints[0].id),
        "msg_id": ids.to_text(ids.EVENT, made.events[0].id),
    }
    with made.http:
        yield made


def described_operations() -> list[Any]:
    """Return them with those at the end that take away what others are asked about."""
    schema = schemathesis.openapi.from_dict(described())
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda each: (each.method == "delete", -each.path.count("/")))


@pytest.mark.timeout(0 if EXAMPLES else 120)
def test_what_the_document_allows_or_not_is_answered_as_it_says(world: World) -> None:
    failures: list[str] = []
    answers: dict[str, Counter[int]] = {}

    with requests.Session() as session:
        for operation in described_operations():
            seen = answers.setdefault(operation.label, Counter())
            for mode in GenerationMode:
                try:
                    _try(operation, mode, world, session, seen)
                except Exception as failure:
                    failures.append(f"{operation.label} {mode}: {failure}"[:1500])
    assert failures == []
    # The walk is worth something only if it comes past the first checks.
    assert [label for label, seen in answers.items() if not seen] == []
    succeeded = [label for label, seen in answers.items() if any(code < 300 for code in seen)]
    assert len(succeeded) > 0.75 * len(answers), sorted(answers.keys() - {*succeeded})


def test_what_is_not_described_would_be_noticed(world: World) -> None:
    document = copy.deepcopy(described())
    del document["paths"]["/api/v1/app/{app_id}"]["get"]["responses"]["404"]
    schema = schemathesis.openapi.from_dict(document)

    with pytest.raises(FailureGroup) as noticed:
        _try(
            schema["/api/v1/app/{app_id}"]["GET"],
            GenerationMode.POSITIVE,
            world,
            requests.Session(),
            Counter(),
        )
    assert [failure.title for failure in noticed.value.exceptions] == ["Undocumented status code"]


def known(world: World, path: str) -> dict[str, str]:
    """Return what names in a path stand for."""
    if "/operational-webhook/" not in path:
        return world.names
    return {"endpoint_id": ids.to_text(ids.ENDPOINT, world.operational[0].id)}


def _try(
    operation: Any, mode: Any, world: World, session: requests.Session, seen: Counter[int]
) -> None:
    strategy = operation.as_strategy(generation_mode=mode)

    @rounds(SHORT)
    @given(case=strategy, real=st.sampled_from([True, True, True, False]))
    def answered(case: Any, real: bool) -> None:
        if real:
            # Hardly any path that is made up names anything.
            names = known(world, operation.path)
            case.path_parameters = {
                name: names.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        headers = {"Authorization": f"Bearer {world.key}"}
        base = str(world.http.base_url).rstrip("/")
        answer = case.call(base_url=base, session=session, headers=headers)
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    with suppress(Unsatisfiable):
        # Nothing violates the description of what takes no parameter.
        answered()


def mutated(text: bytes) -> st.SearchStrategy[bytes]:
    """Return the text with something in it replaced, a few times."""
    pieces = st.one_of(
        st.binary(max_size=4),
        st.sampled_from(
            [b"\x00", b"\\u0000", b"\\ud800", b"{", b"[" * 200, b'"', b"1e999", b"NaN", b"\xff"]
        ),
        st.text(max_size=3).map(lambda some: json.dumps(some).encode()),
    )
    change = st.tuples(st.integers(0, len(text)), st.integers(0, 6), pieces)
    return st.lists(change, max_size=3).map(lambda changes: _changed(text, changes))


def _changed(text: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, piece in changes:
        text = text[:place] + piece + text[place + length :]
    return text


def test_no_bytes_as_a_body_break_anything(world: World) -> None:
    for operation in with_body():
        media = operation.described["requestBody"]["content"]["application/json"]
        bodies = st.one_of(
            st.binary(max_size=60),
            mutated(json.dumps(media["example"]).encode()),
            mutated(json.dumps(dict.fromkeys(operation.body["properties"])).encode()),
        )
        _send_all(world, operation, bodies)


def _send_all(world: World, operation: Operation, bodies: st.SearchStrategy[bytes]) -> None:
    @rounds(25)
    @given(body=bodies)
    def answered(body: bytes) -> None:
        answer = world.send(operation, body)
        assert str(answer.status_code) in operation.described["responses"], answer.text
        assert answer.status_code < 500, answer.text
        assert well_formed(answer), answer.text

    run: Callable[[], None] = answered
    run()
