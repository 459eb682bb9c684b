"""The whole product as processes of their own, as `make run` starts it, with a site that is connected to WordPress."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = next((ROOT / "tests" / "data").glob("game-of-thrones*.csv"))
GENEROUS = """
from apps.accounts.models import Account, Plan
from apps.billing.services.ledger import credits_grant
Plan.objects.update(max_keywords=0, max_content=0, max_images=0)
credits_grant(account_id=Account.objects.get(name="Ada").pk, amount=1_000_000, kind="purchase", reference="e2e")
"""


class Product:
    """`url` is the web server's address, `data` the folder of this one's data."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self.data = data
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "IGNY8_DATA_DIR": str(data),
            "PORT": str(port),
            "WORKER_CONCURRENCY": "2",
            **environment,
        }
        (data / "demo.done").touch()
        self.log = (data / "serve.log").open("w+")
        self.server: subprocess.Popen | None = None

    def start(self) -> None:
        self.server = self._popen("-m", "config.serve")
        until = time.monotonic() + 400
        while "Ctrl-C" not in (said := (self.data / "serve.log").read_text()):
            assert self.server.poll() is None and time.monotonic() < until, said
            time.sleep(0.3)

    def stop(self) -> None:
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(timeout=90)
        self.log.close()

    def _popen(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    @contextlib.contextmanager
    def second_worker(self) -> Iterator[subprocess.Popen]:
        """One more worker beside the one of the process manager."""
        celery = ["-m", "celery", "-A", "config.celery", "worker", "-c", "2", "-n", "second@%h"]
        worker = self._popen(*celery, "--without-gossip", "--without-mingle")
        try:
            yield worker
        finally:
            worker.terminate()
            worker.wait(timeout=60)

    @contextlib.contextmanager
    def second_crawler(self) -> Iterator[subprocess.Popen]:
        """One more crawling worker beside the one of the process manager."""
        crawler = self._popen("manage.py", "parsing_worker", "--api-url", self.url)
        try:
            yield crawler
        finally:
            crawler.terminate()
            crawler.wait(timeout=60)

    def manage(self, *arguments: str, code: str = "") -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=code, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, query: str) -> list[tuple]:
        """Of the product's own database, also while it is being restarted."""
        state = json.loads((self.data / "state.json").read_text())
        until = time.monotonic() + 90
        while True:
            try:
                with psycopg.connect(
                    host="127.0.0.1",
                    port=state["database_port"],
                    user="igny8",
                    dbname="igny8",
                    password=state["database_password"],
                    connect_timeout=5,
                ) as connection:
                    return connection.execute(query).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def one(self, query: str):
        return self.rows(query)[0][0]

    def connected_site(self, wordpress) -> str:
        """A new account with credits whose site is published at this WordPress; returns the site's slug."""
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, trust_env=False) as api:
            session = api.post(
                "/auth/register/",
                json={
                    "email": "ada@example.com",
                    "password": "correct horse battery",
                    "first_name": "Ada",
                    "account_name": "Ada",
                },
            ).json()["data"]
            api.headers["Authorization"] = f"Bearer {session['access']}"
            site = api.post("/auth/sites/", json={"name": "Ada's maps", "domain": "ada.example.com"}).json()[
                "data"
            ]
            user = wordpress.users["administrator"]
            connection = api.post(
                "/integration/",
                json={
                    "site": site["id"],
                    "base_url": wordpress.url,
                    "username": user["login"],
                    "app_password": user["application_password"],
                },
            ).json()["data"]
            found = api.post(f"/integration/{connection['id']}/test_connection/").json()["data"]
            assert found["connected"], found
        self.manage("shell", code=GENEROUS)
        return site["slug"]

    def run_begin(self, site: str, *, articles: int) -> int:
        """Starts a run over the real export of 4,048 keywords; returns its id."""
        self.manage(
            "run_pipeline",
            str(KEYWORDS),
            "--site",
            site,
            "--sector",
            "tv-series-film",
            "--articles",
            str(articles),
            "--images",
            "2",
        )
        return self.one("SELECT max(id) FROM automation_run")

    def run_end(self, run: int, *, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            status, error = self.rows(f"SELECT status, error_message FROM automation_run WHERE id = {run}")[0]
            if status not in ("pending", "running"):
                assert status == "completed", (status, error)
                return
            assert time.monotonic() < until, f"run {run} is {status} after {seconds} s"
            time.sleep(0.5)

    def told(self) -> str:
        """The ends of the logs, for a test that fails."""
        logs = sorted((self.data / "log").glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def processes(self, program: str) -> list[int]:
        """The process ids of a program of the process manager, its children included; of `postgres` its own."""
        if program == "postgres":
            folder = (
                json.loads((self.data / "state.json").read_text())["postgres_dir"] or self.data / "postgres"
            )
            lines = (Path(folder) / "data" / "postmaster.pid").read_text().splitlines()
            return [int(lines[0])]
        mark = f"IGNY8_PROGRAM={program}@{self.data}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def kill(self, program: str, chance: random.Random) -> bool:
        """SIGKILL to one process of a program; False when there is none just now."""
        try:
            pid = chance.choice(sorted(self.processes(program)))
            os.kill(pid, signal.SIGKILL)
        except (IndexError, OSError):
            return False
        return True


@contextlib.contextmanager
def running(environment: dict[str, str]) -> Iterator[Product]:
    """The product on data of its own, which end with it."""
    # Not below pytest's folder: PostgreSQL of a root's run works as another user, and pytest locks others out.
    with tempfile.TemporaryDirectory(prefix="igny8-e2e-") as folder:
        Path(folder).chmod(0o755)
        product = Product(Path(folder), environment)
        try:
            product.start()
            yield product
        finally:
            product.stop()
