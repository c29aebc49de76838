import struct
from uuid import UUID

from webhooks_platform.lib.binary_arrays import ByteaArray, TextArray, UuidArray


def head(element: int, count: int) -> bytes:
    return struct.pack("!iiiii", 1, 1, element, count, 1)


def test_writes_uuids_and_null() -> None:
    value = UUID("01a207c8-5cc1-7064-87c8-37b587ab92a2")

    assert UuidArray([value, None]).dump() == (
        head(2950, 2) + b"\x00\x00\x00\x10" + value.bytes + b"\xff\xff\xff\xff"
    )


def test_writes_text_as_utf_8() -> None:
    assert TextArray(["é", ""]).dump() == head(25, 2) + b"\x00\x00\x00\x02\xc3\xa9" + bytes(4)


def test_writes_bytes_as_they_are() -> None:
    assert ByteaArray([b"\x00\xff"]).dump() == head(17, 1) + b"\x00\x00\x00\x02\x00\xff"
