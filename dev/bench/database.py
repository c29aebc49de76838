"""What PostgreSQL did between two moments: statements, rows and commits, and bytes of WAL.

Statements are counted in PostgreSQL's log. It writes one short line for each step of each
statement, without its text: the wheel has no pg_stat_statements, and texts would cost more than
the statements. Rows and commits are counted in the WAL, since the statistics views learn of them
up to ten seconds late.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

#: `%i` names what a backend does: the statement's kind while it runs, else BIND, PARSE and so on.
_SETTINGS = {"log_duration": "on", "log_line_prefix": "'%i|'"}
_LINE = re.compile(rb"^([A-Z ]+)\|LOG: +duration:", re.MULTILINE)
_NO_STATEMENTS = {b"BIND", b"PARSE", b"DESCRIBE", b"BEGIN", b"COMMIT", b"ROLLBACK", b"SHOW"}
_WAL_ROW = re.compile(r"^(\S+)\s+(\d+)\s+\(", re.MULTILINE)
_ROWS = ("Heap/INSERT", "Heap/UPDATE", "Heap/HOT_UPDATE", "Heap/DELETE")
_OF_NEW_PAGE = "+INIT"


@dataclass(frozen=True)
class Reading:
    """A moment."""

    lsn: str
    #: Length of the log, in bytes.
    log_bytes: int


@dataclass(frozen=True)
class Work:
    """What was done between two moments. The counts are None where they could not be had."""

    statements: int
    rows: int | None
    commits: int | None
    wal_bytes: int


class Database:
    """Looks at the platform's database as its superuser, whose own statements are not counted."""

    def __init__(self, superuser_url: str, log: Path, *, data: Path, waldump: Path) -> None:
        self._url = superuser_url
        self._log = log
        self._wal = data / "pg_wal"
        self._waldump = waldump

    def prepare(self) -> None:
        """Have the end of each statement logged."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            for name, value in _SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")
            connection.execute("SELECT pg_reload_conf()")

    def read(self) -> Reading:
        lsn = self._value("SELECT pg_current_wal_insert_lsn()::text")
        return Reading(str(lsn), self._log.stat().st_size)

    def between(self, first: Reading, last: Reading) -> Work:
        with self._log.open("rb") as log:
            log.seek(first.log_bytes)
            logged = log.read(last.log_bytes - first.log_bytes)
        records = self._records(first.lsn, last.lsn)
        return Work(
            statements=count_statements(logged),
            rows=None if records is None else sum(records.get(kind, 0) for kind in _ROWS),
            commits=None if records is None else records.get("Transaction/COMMIT", 0),
            wal_bytes=lsn_bytes(last.lsn) - lsn_bytes(first.lsn),
        )

    def open_deliveries(self) -> int:
        return int(str(self._value("SELECT count(*) FROM open_delivery")))

    def _value(self, query: str) -> object:
        with psycopg.connect(self._url, options="-c log_duration=off") as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else 0

    def _records(self, first: str, last: str) -> Mapping[str, int] | None:
        """Count the WAL's records by kind; None when a checkpoint has taken the first away.

        The last record may not be on the disk yet, which pg_waldump, having counted all before
        it, calls an error.
        """
        places = ["-p", str(self._wal), "-s", first, "-e", last]
        command = [str(self._waldump), "--stats=record", *places]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  Fixed command.
        return count_records(told.stdout) or None


def lsn_bytes(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def count_statements(log: bytes) -> int:
    """Count the statements that a log shows to have ended; those around transactions are none."""
    return sum(kind not in _NO_STATEMENTS for kind in _LINE.findall(log))


def count_records(told: str) -> dict[str, int]:
    """Read what `pg_waldump --stats=record` prints; a record on a new page is one like others."""
    counts: dict[str, int] = {}
    for record, count in _WAL_ROW.findall(told):
        kind = record.removesuffix(_OF_NEW_PAGE)
        counts[kind] = counts.get(kind, 0) + int(count)
    return counts
