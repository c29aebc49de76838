"""One address for several cells: nginx with docs/examples/cells.nginx.conf, or our own."""

import asyncio
import os
import re
import shutil
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx

from dev.guardian import Guardian
from dev.ports import free_port
from dev.processes import Process

_HOST = "127.0.0.1"
_CONFIGURATION = Path(__file__).resolve().parents[2] / "docs/examples/cells.nginx.conf"
_NGINX = """\
daemon off;
{user}worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
{cells}}}
"""
_MOVED = "cells-moved.map"
_KEY = re.compile(rb"\r\nauthorization: *Bearer (whk_(..)\w{10})_", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CONNECTION = re.compile(rb"\r\nconnection:[^\r]*", re.IGNORECASE)
_UNKNOWN = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_DOWN = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Router(ABC):
    """Sends each request to the cell that its key names, or to the one its key moved to."""

    name: str

    def __init__(self, cells: Mapping[str, int]) -> None:
        """`cells` are ports of API servers by the name of their cell."""
        self.port = free_port(_HOST)
        self.url = f"http://{_HOST}:{self.port}"
        self._cells = dict(cells)

    @abstractmethod
    def move(self, key: str, cell: str) -> None:
        """From now on a key's requests go there; those under way are finished."""


class Nginx(Router):
    name = "nginx"

    def __init__(self, cells: Mapping[str, int], program: str, directory: Path, guardian: Guardian):
        super().__init__(cells)
        self._moved = directory / _MOVED
        self._moved.touch()
        configuration = directory / "nginx.conf"
        configuration.write_text(self._configuration(directory))
        self.process = Process(
            name="router",
            command=[program, "-e", "stderr", "-p", directory, "-c", configuration],
            log=directory / "router.log",
            guardian=guardian,
            environment={"PATH": os.defpath},
        )

    def start(self) -> None:
        self.process.start()
        # It listens before it knows its signals: one that comes too early would end it.
        self.process.wait_until(self._answers, within=30)

    def move(self, key: str, cell: str) -> None:
        with self._moved.open("a") as moved:
            moved.write(f"{key[:16]} {cell};\n")
        self.process.send(signal.SIGHUP)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url).status_code == HTTPStatus.NOT_FOUND
        except httpx.TransportError:
            return False

    def _configuration(self, directory: Path) -> str:
        """Fill in what differs here: addresses, and where the moved keys are."""
        text = _CONFIGURATION.read_text().replace("/etc/nginx/", f"{directory}/")
        text = text.replace("listen 8080", f"listen {_HOST}:{self.port}")
        for cell, port in self._cells.items():
            text = text.replace(f"{cell}.internal:8000", f"{_HOST}:{port}")
        user = "user root;\n" if os.geteuid() == 0 else ""
        return _NGINX.format(directory=directory, user=user, cells=text)


class OwnRouter(Router):
    """One request for each connection, which is all that a rehearsal needs."""

    name = "our own"

    def __init__(self, cells: Mapping[str, int]) -> None:
        super().__init__(cells)
        self._moved: dict[bytes, str] = {}
        self.loop = asyncio.new_event_loop()

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._answer, _HOST, self.port)

    def move(self, key: str, cell: str) -> None:
        self._moved[key[:16].encode()] = cell

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._exchange(reader))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client has gone.
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        key = _KEY.search(head)
        cell = self._moved.get(key[1], key[2].decode()) if key else ""
        if cell not in self._cells:
            return _UNKNOWN
        try:
            return await _ask(self._cells[cell], _closing(head) + body)
        except OSError:
            return _DOWN


def _closing(head: bytes) -> bytes:
    return _CONNECTION.sub(b"", head)[:-2] + b"connection: close\r\n\r\n"


async def _ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(_HOST, port)
    try:
        writer.write(request)
        answer = await reader.read()
    finally:
        writer.close()
    return _closing(answer[: answer.index(b"\r\n\r\n") + 4]) + answer.split(b"\r\n\r\n", 1)[1]


@contextmanager
def routing(cells: Mapping[str, int], directory: Path, guardian: Guardian) -> Iterator[Router]:
    """Run a router, nginx where it is installed, until the block ends."""
    if program := shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        nginx = Nginx(cells, program, directory, guardian)
        try:
            nginx.start()
            yield nginx
        finally:
            nginx.process.stop()
    else:
        with _own(cells) as router:
            yield router


@contextmanager
def _own(cells: Mapping[str, int]) -> Iterator[Router]:
    router = OwnRouter(cells)
    server = router.loop.run_until_complete(router.serve())
    thread = threading.Thread(target=router.loop.run_forever)
    thread.start()
    try:
        yield router
    finally:
        router.loop.call_soon_threadsafe(server.close)
        # What was just answered is closed in the loop's next turns.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), router.loop).result()
        router.loop.call_soon_threadsafe(router.loop.stop)
        thread.join()
        router.loop.close()
