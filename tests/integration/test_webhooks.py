"""What a WordPress tells: stored once, and never believed."""

import hashlib
import hmac
import json
import random
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.services.keys import api_key_create
from apps.core.models import Job
from apps.integration.clients.wordpress import WordPress
from apps.integration.clients.wordpress.signing import EVENT, signature_of
from apps.integration.models import SiteIntegration, SyncedPost, SyncRun, WebhookEvent
from apps.integration.services.sync.start import sync_forget
from apps.writer.models import Content
from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/integration/webhook/wordpress/"


@pytest.fixture
def key(alice, anonymous):
    key = api_key_create(site=alice.site, name="Plugin", user_id=None)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    return anonymous


def event(number=1, post_id=1, **fields) -> dict:
    occurred = (timezone.now() - timedelta(days=number)).isoformat()
    return {
        "event_id": f"e{number}",
        "event": "post.status",
        "occurred_at": occurred,
        "post_id": post_id,
        **fields,
    }


def signed(connected, body: bytes, *, at=None, secret=None, nonce="e1", host="testserver", path=PATH) -> dict:
    stamp = str(int(at or time.time()))
    signature = signature_of(
        secret or connected.signing_secret,
        word=EVENT,
        time=stamp,
        nonce=nonce,
        method="POST",
        host=host,
        path=path,
        body=body,
    )
    return {
        "HTTP_X_IGNY8_TIMESTAMP": stamp,
        "HTTP_X_IGNY8_NONCE": nonce,
        "HTTP_X_IGNY8_SIGNATURE": signature,
    }


def test_shuffled_old_and_repeated_events_end_with_what_the_post_is(site, connected, key, pull, run_jobs):
    for pk in range(1, 6):
        site.post(pk)
    pull()
    site.edit(1, text="Edited.")
    site.edit(2, status="trash")
    del site.posts[3]
    site.post(9, title={"raw": "New"})
    lies = [event(n, n % 4 + 1, status="publish", url="https://evil.example.com/") for n in range(8)]
    lies += [event(20, 9, meta={"a": "\U0001fad8"}), event(21, 404), *lies[:4]]
    random.Random(1).shuffle(lies)
    paths = [
        PATH,
        "/api/v1/integration/webhooks/wordpress/status/",
        "/api/v1/integration/webhooks/wordpress/metadata/",
    ]
    for n, body in enumerate(lies):
        answer = key.post(paths[n % 3], body, format="json")
        assert answer.status_code == 200, answer.content
        if n == 6:
            run_jobs()
    run_jobs()
    assert WebhookEvent.objects.count() == 10
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done"}
    found = dict(Content.objects.values_list("external_id", "status"))
    assert found == {"1": "published", "2": "draft", "4": "published", "5": "published", "9": "published"}
    assert Content.objects.get(external_id="1").html == "<p>Edited.</p>"
    assert not Content.objects.filter(external_url__contains="evil").exists()
    assert not Job.objects.exclude(state="succeeded").exists()


def test_a_signature_has_to_be_right_where_it_is_sent(connected, key):
    raw = json.dumps(event()).encode()

    def send(body=raw, **headers):
        return key.post(PATH, body, content_type="application/json", **headers)

    assert send(**signed(connected, raw)).json()["data"] == {"event_id": "e1", "stored": True}
    assert WebhookEvent.objects.get().is_signed
    for headers in (
        signed(connected, raw, secret="another"),
        signed(connected, raw + b" "),
        signed(connected, raw, at=time.time() - 400),
        signed(connected, raw, at=time.time() + 400),
        # Made for another event, another route, another host of ours.
        signed(connected, raw, nonce="e2"),
        signed(connected, raw, path="/api/v1/integration/webhooks/wordpress/status/"),
        signed(connected, raw, host="staging.example.com"),
        {**signed(connected, raw), "HTTP_X_IGNY8_TIMESTAMP": ""},
        {**signed(connected, raw), "HTTP_X_IGNY8_SIGNATURE": "sha256=ü"},
        {"HTTP_X_IGNY8_TIMESTAMP": "٣" * 10, "HTTP_X_IGNY8_SIGNATURE": "x"},
        {"HTTP_X_IGNY8_TIMESTAMP": "9" * 400},
    ):
        answer = send(**headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), headers
    assert WebhookEvent.objects.count() == 1
    # PUBLIC_URL names us too, whatever a proxy makes of the host.
    other = json.dumps(event(2)).encode()
    behind = signed(connected, other, nonce="e2", host="127.0.0.1:8000")
    assert send(other, **behind).status_code == 200


def test_a_request_that_is_repeated_changes_nothing(connected, key, site, run_jobs):
    site.post(1)
    raw = json.dumps(event()).encode()
    headers = signed(connected, raw)

    def send() -> dict:
        return key.post(PATH, raw, content_type="application/json", **headers).json()["data"]

    assert send()["stored"]
    run_jobs()
    asked = len(site.asked)
    assert send() == {"event_id": "e1", "stored": False}
    run_jobs()
    assert (WebhookEvent.objects.count(), len(site.asked)) == (1, asked)


def test_the_first_plugin_is_asked_to_be_updated(connected, key):
    raw, stamp = json.dumps(event()).encode(), str(int(time.time()))
    mac = hmac.new(connected.signing_secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    first = {"HTTP_X_IGNY8_TIMESTAMP": stamp, "HTTP_X_IGNY8_SIGNATURE": f"sha256={mac}"}
    answer = key.post(PATH, raw, content_type="application/json", **first)
    # 403, which that plugin keeps for later.
    assert (answer.status_code, "Update the plugin" in answer.json()["error"]) == (403, True)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({**event(), "post_id": 0}, 400),
        ({**event(), "post_id": 2**70}, 400),
        ({**event(), "event_id": "e\x00"}, 400),
        ({**event(), "event_id": "e" * 101}, 400),
        ({**event(), "meta": {"x": "\x00"}}, 400),
        ({**event(), "meta": ["x"]}, 400),
        ({**event(), "occurred_at": "yesterday"}, 400),
        ({**event(), "content_key": "none"}, 400),
        ({**event(), "meta": {"x": "x" * 70_000}}, 413),
        ([event()], 400),
    ],
)
def test_a_body_that_does_not_fit(connected, key, body, status):
    answer = key.post(PATH, body, format="json")
    assert answer.status_code == status, answer.content
    assert not WebhookEvent.objects.exists()


def test_only_a_key_of_a_connected_site_tells(alice, connected, key, anonymous):
    assert alice.client.post(PATH, event(), format="json").status_code == 403
    other = api_key_create(site=SiteFactory(account=alice.account), name="x", user_id=None)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {other}")
    answer = anonymous.post(PATH, event(), format="json")
    assert (answer.status_code, "Connect the plugin" in answer.json()["error"]) == (404, True)


def test_events_of_a_site_that_is_away_are_named_and_the_next_sync_finds_all(
    site, connected, key, pull, run_jobs
):
    site.post(1)
    pull()
    site.edit(1, text="Edited.")
    site.broken["/wp-json/wp/v2/posts"] = (401, {"code": "rest_not_logged_in", "message": "no"})
    key.post(PATH, event(), format="json")
    run_jobs()
    told = WebhookEvent.objects.get()
    assert (told.state, "login" in told.error) == ("failed", True)
    site.broken.clear()
    pull()
    assert Content.objects.get().html == "<p>Edited.</p>"


def test_what_is_old_is_forgotten(connected, key, site, pull):
    pull()
    key.post(PATH, event(), format="json")
    SiteIntegration.objects.update(is_active=False)
    assert key.post(PATH, event(2), format="json").status_code == 409
    long_ago = timezone.now() - timedelta(days=91)
    WebhookEvent.objects.update(received_at=long_ago, state="done")
    SyncRun.objects.update(finished_at=long_ago)
    sync_forget()
    assert not WebhookEvent.objects.exists() and not SyncRun.objects.exists()
    assert not SyncedPost.objects.exists()


def test_a_post_that_became_a_page_is_not_gone(site, connected, key, pull, run_jobs):
    site.post(1)
    pull()
    site.posts[1]["kind"] = "pages"
    assert key.post(PATH, event(1, 1), format="json").status_code == 200
    run_jobs()
    assert (Content.objects.get().status, SyncedPost.objects.get().post_type) == ("published", "pages")


def test_an_event_of_the_old_address_brings_nothing_to_the_new_one(
    site, connected, key, run_jobs, monkeypatch
):
    site.post(1)
    real = WordPress.listed

    def listed(self, path, **params):
        if path.endswith("/posts"):
            SiteIntegration.objects.update(base_url="http://new.example.com")
        return real(self, path, **params)

    monkeypatch.setattr(WordPress, "listed", listed)
    key.post(PATH, event(), format="json")
    (job,) = run_jobs()
    assert not Content.objects.exists() and not SyncedPost.objects.exists()
    job.refresh_from_db()
    assert (job.state, WebhookEvent.objects.get().state) == ("pending", "pending")  # it is looked into again
