"""The walk by hand, over HTTP, on the real thing: web server, broker, worker and scheduler, as `make run` has them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "apps" / "planner" / "data" / "sample_keywords.csv"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="module")
def product():
    """The running product, without its demo."""
    # Not in pytest's own folder: PostgreSQL of a root's run works as another user, who must get there.
    data = Path(tempfile.mkdtemp(prefix="igny8-walk-"))
    data.chmod(0o755)
    (data / "demo.done").touch()
    port = free_port()
    log = (data / "serve.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "config.serve"],
        cwd=ROOT,
        env={**os.environ, "IGNY8_DATA_DIR": str(data), "PORT": str(port), "WORKER_CONCURRENCY": "2"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        until = time.monotonic() + 180
        while "Ctrl-C" not in (data / "serve.log").read_text():
            assert process.poll() is None and time.monotonic() < until, (data / "serve.log").read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        told = (data / "serve.log").read_text()
        log.close()
        shutil.rmtree(data)
        assert code == 0, told


class Api:
    def __init__(self, base: str):
        self.client = httpx.Client(base_url=f"{base}/api/v1", timeout=30, trust_env=False)

    def post(self, path: str, body: dict | None = None, **kwargs) -> dict:
        answer = self.client.post(path, **(kwargs or {"json": body or {}}))
        assert answer.status_code in (200, 201), (path, answer.text)
        return answer.json()["data"]

    def list(self, path: str) -> list[dict]:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()["results"]

    def job(self, path: str, body: dict | None = None, **kwargs) -> dict:
        """Starts a job and waits for its end."""
        task_id = self.post(path, body, **kwargs)["task_id"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            task = self.client.get(f"/system/tasks/{task_id}/").json()["data"]
            if task["state"] in ("succeeded", "failed"):
                assert task["state"] == "succeeded", task
                return task["result"]
            time.sleep(0.2)
        raise AssertionError(f"{path}: no worker ended the job: {task}")


@pytest.mark.timeout(400)
def test_from_a_file_of_keywords_to_a_page_that_is_read(product):
    api = Api(product)
    session = api.post(
        "/auth/register/",
        {"email": "ada@example.com", "password": "correct horse battery", "first_name": "Ada"},
    )
    api.client.headers["Authorization"] = f"Bearer {session['access']}"
    api.client.cookies.clear()
    industries = api.list("/auth/industries/?page_size=200")
    coffee = next(s["id"] for i in industries for s in i["sectors"] if s["slug"] == "coffee-tea")
    site = api.post(
        "/auth/sites/", {"name": "Ada's coffee", "domain": "ada.example.com", "industry_sectors": [coffee]}
    )
    files = {"file": (SAMPLE.name, SAMPLE.read_bytes(), "text/csv")}
    sector = api.list(f"/auth/sectors/?site_id={site['id']}")[0]
    form = {"site_id": str(site["id"]), "sector_id": str(sector["id"])}
    uploaded = api.job("/planner/keywords/upload/", data=form, files=files)
    assert uploaded["imported"] == 243
    clustered = api.job("/planner/clusters/auto_cluster/", {"site_id": site["id"]})
    assert clustered["clusters"] >= 10
    clusters = api.list(f"/planner/clusters/?site_id={site['id']}&is_hub=false&ordering=-volume")
    ideas = api.job("/planner/clusters/generate_ideas/", {"cluster_ids": [c["id"] for c in clusters[:2]]})
    idea_ids = [i["id"] for i in api.list(f"/planner/ideas/?site_id={site['id']}")]
    assert len(idea_ids) == 2, ideas
    task_ids = api.post("/planner/ideas/create_tasks/", {"idea_ids": idea_ids})
    content_ids = api.job("/writer/tasks/auto_generate_content/", {"task_ids": task_ids})["content_ids"]
    assert len(content_ids) == 2
    images = api.job("/writer/images/generate_for_content/", {"content_id": content_ids[0], "in_article": 1})
    assert len(images["image_ids"]) == 2
    for status in ("review", "approved"):
        api.post(f"/writer/content/{content_ids[0]}/update_content/", {"status": status})
    published = api.job("/publisher/publish/", {"content_ids": [content_ids[0]]})["published"][0]
    assert set(published["fields"].values()) <= {"kept", "changed"}
    page = httpx.get(published["external_url"], trust_env=False)
    content = api.client.get(f"/writer/content/{content_ids[0]}/").json()["data"]
    assert page.status_code == 200 and content["status"] == content["site_status"] == "published"
    assert content["title"] in page.text and "<img" in page.text

    balance = api.client.get("/billing/balance/").json()["data"]
    entries = api.list("/billing/transactions/?page_size=200")
    assert sum(e["amount"] for e in entries) == balance["balance"] == entries[0]["balance_after"]
    assert balance["held"] == 0 and balance["balance"] < 1000
