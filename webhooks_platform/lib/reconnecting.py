"""One asynchronous connection that is opened when first needed, and again after it broke."""

import asyncio
import time

import psycopg

from webhooks_platform.lib import database
from webhooks_platform.lib.binary_arrays import register

#: After a failed try, others fail at once for so long: they must not queue up for a dead host.
PAUSE_SECONDS = 0.25


class NoDatabaseError(psycopg.OperationalError):
    """No connection can be had now."""


class Reconnecting:
    """Users share it; psycopg runs their statements one after another."""

    def __init__(self, application_name: str, *, settings: str = "") -> None:
        """`settings` is SQL that every new connection runs first."""
        self._name = application_name
        self._settings = settings
        self._connection: database.Connection | None = None
        self._opening = asyncio.Lock()
        self._next_try = 0.0

    async def get(self) -> database.Connection:
        """Return the open connection; raise NoDatabaseError if there is none to be had."""
        if self._connection is None or self._connection.closed:
            async with self._opening:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._open()
        return self._connection

    @property
    def is_broken(self) -> bool:
        """Whether the last connection is of no more use; get() makes a new one."""
        return self._connection is not None and self._connection.closed

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _open(self) -> database.Connection:
        if time.monotonic() < self._next_try:
            raise NoDatabaseError("the last try failed just now")
        try:
            connection = await database.connect(self._name)
            if self._settings:
                await connection.execute(self._settings)
        except psycopg.Error:
            self._next_try = time.monotonic() + PAUSE_SECONDS
            raise NoDatabaseError("no connection to the database") from None
        register(connection)
        return connection
