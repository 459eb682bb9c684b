"""The embedded servers, for real, in a data folder of their own."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded.state import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data_dir():
    """One installation for the whole file; not below pytest's own folder, which other users cannot enter."""
    folder = Path(tempfile.mkdtemp(prefix="igny8-test-", dir="/var/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGNY8_DATA_DIR", str(folder))
        try:
            yield folder
        finally:
            embedded.stop()
            shutil.rmtree(folder)


@pytest.fixture
def state(data_dir):
    return embedded.ensure()


def _kill(pid_file: Path) -> None:
    process = psutil.Process(int(pid_file.read_text().split("\n")[0]))
    process.kill()
    process.wait(10)  # until then its port may still answer


def test_both_answer_and_a_second_start_is_quick(state):
    with psycopg.connect(state.database_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("igny8",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
    assert redis.Redis.from_url(state.broker_url).ping()
    begun = time.monotonic()
    assert embedded.ensure() == state
    assert time.monotonic() - begun < 0.5


def test_secrets_are_for_the_owner_alone(state, data_dir):
    assert (data_dir / "state.json").stat().st_mode & 0o777 == 0o600
    assert (data_dir / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
    listed = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # ended meanwhile
            listed.append(path.read_bytes())
    for secret in (state.database_password, state.broker_password):
        assert not any(secret.encode() in line for line in listed)


def test_nobody_gets_in_without_the_password(state):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(state.database_url.replace(state.database_password, "wrong"))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=state.broker_port).ping()


def test_data_survive_a_kill_of_both_while_they_work(state, data_dir):
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    redis.Redis.from_url(state.broker_url).rpush("queue", "task")
    # A backend at work outlives its server and must not hold up the next one.
    busy = psycopg.connect(state.database_url)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
    time.sleep(0.2)
    _kill(data_dir / "postgres" / "data" / "postmaster.pid")
    _kill(data_dir / "valkey" / "valkey.pid")

    assert embedded.ensure() == state

    with psycopg.connect(state.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    # What was pushed in the last second may not be on the disk, but it is in the kernel's hands.
    assert redis.Redis.from_url(state.broker_url).lrange("queue", 0, -1) == [b"task"]
    busy.close()


def test_many_start_at_once_and_agree(state, data_dir):
    embedded.stop()
    assert embedded.status() == {"postgres": False, "valkey": False}
    # What a reboot leaves: pid files whose numbers now belong to others.
    (data_dir / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    command = [sys.executable, "-m", "config.embedded", "env"]
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    starts = [
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {start.communicate(timeout=60)[0] for start in starts}
    assert len(answers) == 1
    assert state.database_url in answers.pop()
    assert embedded.status() == {"postgres": True, "valkey": True}


def test_a_stale_pid_file_of_postgres_is_no_obstacle(state, data_dir):
    embedded.stop()
    pid_file = data_dir / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n{state.database_port}\n")
    shutil.chown(pid_file, pid_file.parent.owner(), pid_file.parent.group())
    assert embedded.ensure() == state


def test_a_damaged_state_file_is_said_clearly(data_dir, state):
    path = data_dir / "state.json"
    content = path.read_text()
    path.write_text(content[:40])
    try:
        with pytest.raises(embedded.EmbeddedError, match="is damaged"):
            embedded.ensure()
    finally:
        path.write_text(content)


def test_data_of_another_postgres_are_left_alone(data_dir, state):
    embedded.stop()
    version = data_dir / "postgres" / "data" / "PG_VERSION"
    content = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(embedded.EmbeddedError, match="was written by PostgreSQL 12"):
            embedded.ensure(broker=False)
    finally:
        version.write_text(content)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL to another user")
def test_root_moves_out_of_a_folder_that_postgres_cannot_enter(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("IGNY8_DATA_DIR", str(tmp_path / "data"))
    state = embedded.ensure(broker=False)
    moved = Path(state.postgres_dir).parent
    try:
        assert moved.parent == Path("/var/tmp")
        with psycopg.connect(state.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        embedded.stop()
        shutil.rmtree(moved)
