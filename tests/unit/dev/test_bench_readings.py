"""What `make bench` reads: logs of PostgreSQL and nginx, the WAL's records, results of wrk."""

import json
from pathlib import Path

import pytest

from dev.bench.database import count_records, count_statements, lsn_bytes
from dev.bench.figures import Percentiles
from dev.bench.options import Options
from dev.bench.publisher import Order, accepted_ids, make_body, make_payload, make_request
from dev.bench.publishing import NoResultError, lua_of, published_by_ours, published_by_wrk
from dev.bench.receiving import ArrivalsLog
from dev.bench.report import rows_of

ORDER = Order(
    port=8000,
    path="/api/v1/app/bench/msg",
    api_key="key",
    rate=None,
    first=0,
    events=4,
    batch=1,
    channels=2,
    payload=40,
    connections=1,
    keys=True,
)


def test_each_execution_counts_once_and_what_surrounds_it_does_not() -> None:
    log = (
        b"BEGIN|LOG:  duration: 0.020 ms\n"
        b"PARSE|LOG:  duration: 0.100 ms\n"
        b"BIND|LOG:  duration: 0.010 ms\n"
        b"INSERT|LOG:  duration: 0.500 ms\n"
        b"COMMIT|LOG:  duration: 1.000 ms\n"
        b"SELECT|LOG:  duration: 0.200 ms\n"
        b"|LOG:  checkpoint complete: wrote 3 buffers\n"
    )

    assert count_statements(log) == 2


def test_records_on_new_pages_count_with_the_others() -> None:
    told = (
        "Type                     N      (%)  Record size (%)\n"
        "Heap/INSERT             40 ( 20.00)         4000 ( 1.00)\n"
        "Heap/INSERT+INIT         2 (  1.00)          200 ( 0.10)\n"
        "Transaction/COMMIT       3 (  1.50)          102 ( 0.10)\n"
    )

    assert count_records(told) == {"Heap/INSERT": 42, "Transaction/COMMIT": 3}


def test_a_position_in_the_wal_is_two_halves() -> None:
    assert lsn_bytes("2/10") - lsn_bytes("1/F0") == (1 << 32) - 0xE0


def test_nginx_log_gives_distinct_ids_and_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.log"
    path.write_text("10.001 1 /0 msg_a\n10.002 2 /1 msg_a\n10.003 1 / -\n10.004 1 /0 ms")
    log = ArrivalsLog(path)

    log.read()
    assert log.first == {"/0 msg_a": 10_001_000_000, "/1 msg_a": 10_002_000_000}

    with path.open("a") as end:
        end.write("g_a\n")
    log.read()

    assert (log.first["/0 msg_a"], log.duplicates, log.connections) == (
        10_001_000_000,
        1,
        {"1", "2"},
    )


def test_a_reset_forgets_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.log"
    path.write_text("10.001 1 /0 msg_a\n")
    log = ArrivalsLog(path)

    log.reset()
    log.read()

    assert (log.first, log.duplicates, log.connections) == ({}, 0, set())


@pytest.mark.parametrize("number", [0, 19_999])
def test_a_payload_has_exactly_the_size_asked_for(number: int) -> None:
    payload = make_payload(400, number)

    assert len(payload) == 400
    assert json.loads(payload)["n"] == number


def test_a_batch_is_a_list_of_the_next_messages() -> None:
    order = Order(**{**vars(ORDER), "batch": 2})

    messages = json.loads(make_body(order, 2))["messages"]

    assert [message["payload"]["n"] for message in messages] == [2, 3]
    assert [message["channels"] for message in messages] == [["c0"], ["c1"]]


def test_an_idempotency_key_is_sent_only_when_asked_for() -> None:
    without = Order(**{**vars(ORDER), "keys": False})

    assert b"idempotency-key: bench-c3\r\n" in make_request(ORDER, 3)
    assert b"idempotency-key" not in make_request(without, 3)


def test_ids_are_read_from_single_answers_and_from_batches() -> None:
    batch = b'{"data":[{"index":0,"message":{"id":"msg_1"}},{"index":1,"error":{}}]}'

    assert accepted_ids(b'{"id":"msg_1"}') == ["msg_1"]
    assert accepted_ids(batch) == ["msg_1"]
    assert accepted_ids(b"") == []


def test_an_order_for_wrk_is_a_lua_table() -> None:
    told = lua_of(ORDER)

    assert told.startswith('return { port = 8000, path = "/api/v1/app/bench/msg", api_key = "key"')
    assert "first = 0, events = 4, batch = 1" in told
    assert "keys = true" in told
    assert "rate" not in told


def test_the_result_of_wrk_is_its_last_line() -> None:
    result = (
        '{"accepted": 4, "refused": 1, "began": 5, "ended": 1000000005, '
        '"p50": 1.5, "p95": 2.0, "p99": 3.0, "cpu_seconds": 0.25}'
    )

    published = published_by_wrk(f"Running 3600s test\n\nRESULT {result}\n")

    assert (published.accepted, published.refused, published.answers_per_s) == (4, 1, 5.0)
    assert published.answers == Percentiles(1.5, 2.0, 3.0)
    assert published.cpu_seconds == 0.25
    assert published.sent is None


def test_wrk_without_a_result_is_an_error_with_what_it_said() -> None:
    with pytest.raises(NoResultError, match="unable to connect"):
        published_by_wrk("unable to connect to 127.0.0.1")


def test_our_publisher_knows_when_each_message_was_sent() -> None:
    published = published_by_ours(
        {
            "accepted": [["msg_1", 0, 10_000_000], ["msg_2", 5_000_000, 7_000_000]],
            "refused": {"429": 3},
            "began": 0,
            "ended": 10_000_000,
            "cpu_seconds": 0.5,
        }
    )

    assert (published.accepted, published.refused) == (2, 3)
    assert published.answers == Percentiles(2.0, 10.0, 10.0)
    assert published.sent == {"msg_1": 0, "msg_2": 5_000_000}


def test_what_was_not_measured_has_no_row_and_instruments_that_cost_much_are_named() -> None:
    figures = {
        **dict.fromkeys(("accepted", "delivered"), 1_000.0),
        **dict.fromkeys(("refused", "lost", "duplicates"), 0.0),
        "accept_per_s": 2_000.0,
        "delivered_per_s": 1_500.0,
        **{f"answer_{share}_ms": 1.0 for share in ("p50", "p95", "p99")},
        "connections_per_1000": 12.34,
        "cpu_platform_per_1000_s": 0.5,
        "cpu_api_per_1000_s": 0.5,
        "cpu_of_publisher_and_receiver_share": 0.2,
        "machine_busy_share": 0.9,
        "machine_others_share": 0.1,
        "statements_each": 0.15,
        "rows_each": 7.0,
        "commits_each": 0.1,
        "wal_bytes_each": 2_200.0,
        "memory_api_mib": 100.0,
    }

    rows = rows_of(figures, Options())

    assert rows == {
        "accepted": "1,000 (0 refused)",
        "accept rate": "2,000 events/s",
        "delivered": "1,000",
        "delivery rate": "1,500 deliveries/s",
        "lost": "0",
        "duplicates": "0",
        "publish to 202": "p50 1.0 ms, p95 1.0 ms, p99 1.0 ms",
        "new connections": "12.3 per 1,000 deliveries",
        "CPU s per 1,000": "0.50 for the platform: api 0.500",
        "publisher + receiver": "20% of all CPU (more than 15 %!)",
        "machine": "90% busy, 10% with other things",
        "database": "0.150 statements, 7.00 rows, 0.100 commits, 2,200 bytes of WAL per delivery",
        "peak memory": "api 100 MiB (shared pages once)",
        "tools": "publisher: own, receiver: own",
    }
