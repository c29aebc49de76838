"""PostgreSQL arrays in their binary form, for statements over `unnest`.

psycopg takes a microsecond or more for each element of a list, and an all-null list changes the
statement's parameter types. These wrap a list whose type is known.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_UUID_LENGTH = struct.pack("!i", 16)
_LENGTH = struct.Struct("!i")


class Array(ABC):
    """Values of one PostgreSQL type, or None."""

    __slots__ = ("values",)
    oid: int
    element_oid: int

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = list(values)

    @abstractmethod
    def elements(self) -> list[bytes]:
        """Return each value with its length in front."""

    def dump(self) -> bytes:
        # One dimension, nulls allowed, lower bound 1.
        head = struct.pack("!iiiii", 1, 1, self.element_oid, len(self.values), 1)
        return b"".join([head, *self.elements()])


class UuidArray(Array):
    oid, element_oid = 2951, 2950

    def elements(self) -> list[bytes]:
        values: list[UUID | None] = self.values
        return [_NULL if value is None else _UUID_LENGTH + value.bytes for value in values]


class ByteaArray(Array):
    oid, element_oid = 1001, 17

    def elements(self) -> list[bytes]:
        pack = _LENGTH.pack
        return [_NULL if value is None else pack(len(value)) + value for value in self.values]


class TextArray(ByteaArray):
    oid, element_oid = 1009, 25

    def elements(self) -> list[bytes]:
        self.values = [None if value is None else value.encode() for value in self.values]
        return super().elements()


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.dump()


def register(connection: AsyncConnection[Any]) -> None:
    """Teach one connection to send these arrays."""
    for kind in (UuidArray, TextArray, ByteaArray):
        dumper = type(f"{kind.__name__}Dumper", (_ArrayDumper,), {"oid": kind.oid})
        connection.adapters.register_dumper(kind, dumper)
