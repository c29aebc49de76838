"""An embedded Redis on a unix socket. It keeps nothing: the platform's truth is in PostgreSQL."""

import signal
import socket
from pathlib import Path

from dev.binaries import Binaries
from dev.guardian import Guardian
from dev.identity import ServerUser
from dev.processes import Process

#: Seconds; it starts in a tenth of one, but the machine may be busy.
_READY_WITHIN = 30.0


class RedisServer:
    def __init__(
        self,
        binaries: Binaries,
        directory: Path,
        log: Path,
        *,
        user: ServerUser,
        guardian: Guardian,
    ) -> None:
        self.socket_path = directory / "redis.sock"
        self._process = Process(
            name="Redis",
            command=_command(binaries.redis_server, self.socket_path),
            log=log,
            guardian=guardian,
            environment={"LC_ALL": "C"},
            directory=directory,
            user=user,
            # SIGTERM is its orderly end: it removes the socket.
            death_signal=signal.SIGTERM,
        )

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}?db=0"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def spawn(self) -> None:
        """Start without waiting; `wait` does that."""
        self._process.start()

    def wait(self) -> None:
        self._process.wait_until(self._answers, within=_READY_WITHIN)

    def start(self) -> None:
        self.spawn()
        self.wait()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL it: the socket file stays behind and the next start replaces it."""
        self._process.kill()

    def _answers(self) -> bool:
        """Send an inline PING; loading a client library would double the start-up time."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False


def _command(program: Path, socket_path: Path) -> list[str | Path]:
    return [
        program,
        *("--port", "0"),
        *("--unixsocket", socket_path),
        *("--unixsocketperm", "700"),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--daemonize", "no"),
    ]
