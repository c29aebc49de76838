"""What PostgreSQL counted: transactions, bytes of WAL, and statements where they are logged.

The wheel has no pg_stat_statements. Statements are therefore counted in the log, in runs that ask
for it, since logging them costs time of its own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

_STATEMENT = re.compile(rb"^.*LOG: +(statement:|execute )", re.MULTILINE)
_READING = """
    SELECT xact_commit + xact_rollback, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')
    FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Reading:
    transactions: int
    wal_bytes: int
    #: None when they are not logged.
    statements: int | None

    def since(self, earlier: "Reading") -> "Reading":
        statements = (
            None
            if self.statements is None or earlier.statements is None
            else self.statements - earlier.statements
        )
        return Reading(
            self.transactions - earlier.transactions,
            self.wal_bytes - earlier.wal_bytes,
            statements,
        )


class Database:
    """Looks at the platform's database as its superuser."""

    def __init__(self, superuser_url: str, log: Path, *, count_statements: bool) -> None:
        self._url = superuser_url
        self._log = log
        self._counts = count_statements

    def prepare(self) -> None:
        """Log statements, if they are to be counted, without their values."""
        if self._counts:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET log_statement = 'all'")
                connection.execute("ALTER SYSTEM SET log_parameter_max_length = 0")
                connection.execute("SELECT pg_reload_conf()")

    def read(self) -> Reading:
        """Backends report transactions up to a second late; WAL is exact."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute(_READING).fetchone() or (0, 0)
        return Reading(int(row[0]), int(row[1]), self._statements())

    def open_deliveries(self) -> int:
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT count(*) FROM open_delivery").fetchone()
        return int(row[0]) if row else 0

    def _statements(self) -> int | None:
        return count_statements(self._log.read_bytes()) if self._counts else None


def count_statements(log: bytes) -> int:
    """Count the statements that a PostgreSQL log shows: simple ones and executions."""
    return len(_STATEMENT.findall(log))
