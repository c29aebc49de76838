"""Asynchronous PostgreSQL connections for the publish door and the delivery loop.

Django's own connections are synchronous and belong to a thread; these belong to an event loop,
are autocommit (a statement is a transaction unless one is opened) and keep prepared statements.
"""

from typing import Any

import psycopg
from django.conf import settings
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]

# A statement of the delivery path takes milliseconds; one that takes this long is stuck, and
# its connection is better given up than waited for.
STATEMENT_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_SECONDS = 5
# The queue is empty now and holds 100,000 rows in a minute; plans and statistics of the empty table
# outlive that. With such a plan recording 500 outcomes took 28 s at 100,000 rows, not 17 ms
# (docs/adr/0021). Nothing on these connections has a use for a pass over a table.
PLANNER = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off"


# For statements whose plan does not depend on their values. Left to choose, PostgreSQL plans a
# statement of arrays anew whenever they are short: 1.1 ms to record one outcome, which takes 0.3.
PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"


def parameters(application_name: str, options: str = "") -> dict[str, Any]:
    """Return psycopg's connection parameters for the configured database; `options` are added."""
    database = settings.DATABASES["default"]
    names = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    known = {libpq: database.get(django) for libpq, django in names.items()}
    return {
        **database.get("OPTIONS", {}),
        **{name: value for name, value in known.items() if value},
        "application_name": application_name,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC {PLANNER}"
        f" {options}",
    }


async def connect(application_name: str, options: str = "") -> Connection:
    """Open one autocommit connection; raise psycopg.OperationalError when none can be had."""
    return await psycopg.AsyncConnection.connect(
        **parameters(application_name, options), autocommit=True, prepare_threshold=2
    )


class SteadyConnection:
    """One connection for one task at a time, opened when first needed and again after a break."""

    def __init__(self, application_name: str, options: str = "") -> None:
        self._name = application_name
        self._options = options
        self._connection: Connection | None = None

    async def get(self) -> Connection:
        """Return an open connection; raise psycopg.OperationalError when none can be had."""
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._name, self._options)
        return self._connection

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.close()
