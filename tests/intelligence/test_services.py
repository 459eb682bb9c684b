"""Choosing a provider, and the bound on its calls over all processes."""

import subprocess
import sys
import threading
import time
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from django.db import connection

from apps.intelligence.services import UpstreamFailed, is_offline, model_choose, text_call
from apps.intelligence.services.choice import Choice
from apps.intelligence.services.slots import provider_slot

CONTENT = {
    "title": "Cold brew ratio",
    "structure": "guide",
    "content_type": "post",
    "primary_keyword": "cold brew ratio",
    "keywords": [{"keyword": "cold brew ratio", "volume": 2400, "intent": "informational"}],
    "outline": [],
    "word_count": 600,
    "tone": "plain",
    "language": "en",
    "include_faq": True,
    "site_name": "Coffee",
    "sector": "Coffee & Tea",
    "author": "",
    "notes": "",
    "links": [],
}


@pytest.mark.django_db
def test_without_a_key_everything_is_offline_and_says_so():
    assert is_offline(kind="text", account_id=None) and is_offline(kind="image", account_id=None)
    answer = text_call(function="content", inputs=CONTENT, account_id=1)
    assert answer.is_offline and answer.cost == 0
    assert "offline draft" in answer.data["html"].lower()
    assert len(answer.data["meta_title"]) <= 60 and len(answer.data["meta_description"]) <= 155


@pytest.mark.django_db
def test_with_a_key_the_default_model_or_the_testing_one(settings, ai_models):
    settings.OPENAI_API_KEY = "sk-test"
    assert model_choose(kind="text", account_id=None).model == "gpt-4.1"
    assert model_choose(kind="text", account_id=None, testing=True).model == "gpt-4.1-mini"
    settings.AI_TEXT_MODEL = "local-model"
    assert model_choose(kind="text", account_id=None) == Choice("openai", "local-model")


def test_cost_is_by_thousand_tokens():
    choice = Choice("openai", "m", Decimal("0.002"), Decimal("0.008"), Decimal("0.042"))
    assert choice.cost(tokens_in=1500, tokens_out=500, images=1) == Decimal("0.049000")


@pytest.mark.django_db
def test_a_provider_that_can_not_be_reached_is_down_with_a_sentence(settings, ai_models):
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-test", "http://127.0.0.1:1/v1"
    with pytest.raises(UpstreamFailed) as failed:
        text_call(function="content", inputs=CONTENT, account_id=1)
    assert failed.value.provider_down and failed.value.status == 502
    assert "sk-test" not in str(failed.value)


@pytest.mark.django_db(transaction=True)
def test_slots_bound_threads():
    running, most, lock = 0, 0, threading.Lock()

    def call():
        nonlocal running, most
        try:
            with provider_slot(provider="test", limit=3, poll=0.01):
                with lock:
                    running += 1
                    most = max(most, running)
                time.sleep(0.05)
                with lock:
                    running -= 1
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert most == 3


HOLDER = """
import sys, time, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as c:
    print(c.execute("SELECT pg_try_advisory_lock(%s, 0)", [int(sys.argv[2])]).fetchone()[0], flush=True)
    time.sleep(60)
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_gives_its_slot_back():
    from apps.intelligence.services.slots import _key

    db = {**django_settings.DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
    dsn = (
        f"host={db['HOST']} port={db['PORT']} dbname={db['NAME']} user={db['USER']} password={db['PASSWORD']}"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, dsn, str(_key("one"))], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline().strip() == "True"
    waited = []

    def wait():
        began = time.monotonic()
        try:
            with provider_slot(provider="one", limit=1, poll=0.02):
                waited.append(time.monotonic() - began)
        finally:
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.4)
    assert not waited
    holder.kill()
    thread.join(timeout=10)
    assert waited and waited[0] >= 0.4
