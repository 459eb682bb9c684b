"""Our own scoring worker, against a server that speaks OpenAI's API."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.clients.openai import OpenAIProvider
from apps.intelligence.models import ProductScore, ScoringLease
from apps.intelligence.services import choice
from apps.intelligence.services.scorer import products_score
from tests.factories.parsing import ProductFactory

GOOD = {"score": 8, "reasoning": "A mug is never wrong.", "axes": dict.fromkeys(AXIS_NAMES, 0.5)}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(sent)
        prompt = json.dumps(sent["messages"])
        answer = {"score": 80} if "Broken" in prompt else GOOD
        body = json.dumps(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": sent["model"],
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": json.dumps(answer)},
                    }
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.asked = True, []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def model(settings):
    with serving() as server:
        settings.OPENAI_API_KEY = "sk-test"
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
        settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.0/8"]
        settings.AI_TEXT_MODEL = "qwen"
        settings.AI_CONCURRENCY = {**settings.AI_CONCURRENCY, "openai": 4}
        yield server


@pytest.mark.django_db(transaction=True)
def test_it_scores_what_waits_and_leaves_what_fails_to_its_lease(model):
    products = ProductFactory.create_batch(6)
    broken = ProductFactory(title="Broken")
    assert products_score() == 6
    assert products_score() == 0
    scores = ProductScore.objects.all()
    assert {s.product_id for s in scores} == {p.pk for p in products}
    assert {(s.gift_score, s.worker, s.scoring_model) for s in scores} == {(8, "internal", "openai/qwen")}
    assert scores[0].vector == GOOD["axes"]
    assert ScoringLease.objects.get(product=broken).worker == "internal"
    system = model.asked[0]["messages"][0]["content"]
    assert all(axis in system for axis in AXIS_NAMES)


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_is_down_is_not_asked_about_everything(model, settings, monkeypatch):
    def impatient(key: str, base_url: str, timeout: float) -> OpenAIProvider:
        return OpenAIProvider(key, base_url, timeout=timeout, sleep=lambda seconds: None)

    monkeypatch.setattr(choice, "_openai", impatient)
    ProductFactory.create_batch(5)
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    settings.AI_CONCURRENCY = {**settings.AI_CONCURRENCY, "openai": 2}
    assert products_score(limit=2) == 0
    assert ScoringLease.objects.count() == 2 and not ProductScore.objects.exists()


@pytest.mark.django_db
def test_the_offline_provider_judges_nothing(settings):
    ProductFactory()
    assert products_score() == 0
    assert not ScoringLease.objects.exists()
