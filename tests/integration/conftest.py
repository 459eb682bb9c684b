import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.integration.models import SiteIntegration, SyncRun
from tests.integration.wordpress import serving


class Answers(BaseHTTPRequestHandler):
    """Answers by path as `server.answers` says: (status, headers, body); "*" for the rest."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        status, headers, body = self.server.answers.get(path) or self.server.answers["*"]
        body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def broken_site(settings):
    """A web server that answers as a site would which is set up wrongly; gives its address and its `answers`."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answers = {"*": (404, {}, "<html>not found</html>")}
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def site(settings, monkeypatch):
    """A WordPress in memory."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    monkeypatch.setattr("apps.integration.clients.wordpress.api._wait", lambda state: 0)
    with serving() as site:
        yield site


@pytest.fixture
def connected(alice, site) -> SiteIntegration:
    """Alice's site, connected to it."""
    return SiteIntegration.objects.create(
        account=alice.account,
        site=alice.site,
        base_url=site.url,
        username="ed",
        app_password="secret",
        status="connected",
    )


@pytest.fixture
def pull(alice, connected, run_jobs):
    """Syncs by the route, and gives the pass."""

    def one(direction="pull", **body) -> SyncRun:
        answer = alice.client.post(
            f"/api/v1/integration/{connected.pk}/sync/", {"direction": direction, **body}, format="json"
        )
        assert answer.status_code == 200, answer.content
        run_jobs()
        return SyncRun.objects.get(job_id=answer.json()["data"]["task_id"])

    return one
