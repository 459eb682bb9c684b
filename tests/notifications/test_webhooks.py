"""Outbound webhooks, against a real receiver on loopback: signed, once each, tried again, switched off, told."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from apps.automation.services.telling import run_tell_finished
from apps.core import jobs
from apps.core.models import Job
from apps.notifications.models import Notification, WebhookDelivery, WebhookEndpoint
from apps.notifications.services import notify
from apps.notifications.services.deliveries import deliveries_forget
from apps.notifications.services.webhooks import WAITS, event_send
from tests.conftest import client_of
from tests.factories import UserFactory

URL = "/api/v1/notifications/webhooks/"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        status, headers, said = self.server.answers.pop(0) if self.server.answers else (200, {}, b"thanks")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver(settings):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads, server.seen, server.answers = True, [], []
    server.handle_error = lambda *args: None
    settings.OUTBOUND_ALLOW_PRIVATE = [f"127.0.0.1:{server.server_port}"]
    server.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)


def made(actor, receiver, **fields) -> dict:
    answer = actor.client.post(URL, {"url": receiver.url, **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]


def tell(actor, key="k", kind="content_published", **fields) -> None:
    notify(
        account_id=actor.account.pk,
        notification_type=kind,
        title="Ёж 🦔 مرحبا",
        message="<script>alert(1)</script>\x00",
        metadata={"content_ids": [1], "site_id": actor.site.pk},
        key=key,
        **fields,
    )


def attempt() -> WebhookDelivery:
    """What a worker does with the delivery's newest job, whenever it is due."""
    job = Job.objects.filter(kind="notifications.webhook").latest("created_at")
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
    jobs.execute(job.pk)
    return WebhookDelivery.objects.latest("pk")


@pytest.mark.django_db
def test_an_event_is_signed_and_arrives_once(alice, bob, receiver):
    endpoint = made(alice, receiver, events=["content.published"], name="Mine")
    assert endpoint["secret"].startswith("whsec_")
    shown = alice.client.get(f"{URL}{endpoint['id']}/").json()["data"]
    assert "secret" not in shown and "secret" not in alice.client.get(URL).json()["results"][0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM notifications_webhookendpoint")
        assert endpoint["secret"] not in cursor.fetchone()[0]
    made(bob, receiver)
    for _ in range(3):
        tell(alice)  # the same key is one event
    tell(alice, key="other", kind="credits_low")  # not wanted
    tell(alice, key="hers", user_id=alice.user.pk)  # one user's own
    delivery = attempt()
    assert WebhookDelivery.objects.count() == Job.objects.filter(kind="notifications.webhook").count() == 1
    assert (delivery.state, delivery.status_code, delivery.response_excerpt) == ("succeeded", 200, "thanks")
    ((headers, body),) = receiver.seen
    event = Webhook(endpoint["secret"]).verify(body, headers)
    assert event["type"] == "content.published" and event["timestamp"].endswith("Z")
    assert event["data"]["title"] == "Ёж 🦔 مرحبا" and event["data"]["site_id"] == alice.site.pk
    assert "\x00" not in event["data"]["message"] and event["data"]["content_ids"] == [1]
    names = {name.lower(): value for name, value in headers.items()}
    assert names["webhook-id"] == str(delivery.event_id)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(body.replace(b"published", b"deleted"), headers)
    old = endpoint["secret"]
    new = alice.client.post(f"{URL}{endpoint['id']}/rotate_secret/").json()["data"]["secret"]
    assert new != old
    again = alice.client.post(f"{URL}deliveries/{delivery.pk}/redeliver/")
    assert again.json()["data"]["state"] == "pending" and again.json()["data"]["attempts"] == 0
    assert alice.client.post(f"{URL}deliveries/{delivery.pk}/redeliver/").status_code == 409
    assert attempt().state == "succeeded"
    assert Webhook(new).verify(receiver.seen[1][1], receiver.seen[1][0]) == event


@pytest.mark.django_db
def test_what_does_not_arrive_is_tried_again_later_and_then_given_up(alice, receiver):
    made(alice, receiver)
    tell(alice)
    receiver.answers += [
        (503, {"Retry-After": "90"}, b"busy \x00" + b"x" * 5000),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (500, {"Content-Length": "50"}, b"cut"),
        (200, {}, b"x" * 3_000_000),
    ]
    delivery = attempt()
    assert (delivery.state, delivery.attempts, delivery.status_code) == ("pending", 1, 503)
    assert len(delivery.response_excerpt) == 500 and "503" in delivery.error
    wait = (delivery.next_try_at - timezone.now()).total_seconds()
    assert 80 < wait <= 90  # as it was asked to
    job = Job.objects.get(kind="notifications.webhook")
    assert job.state == "pending" and abs((job.run_after - delivery.next_try_at).total_seconds()) < 2
    delivery = attempt()
    assert "redirects" in delivery.error and len(receiver.seen) == 2
    delivery = attempt()
    assert delivery.state == "pending" and delivery.attempts == 3 and delivery.status_code == 500
    assert WebhookEndpoint.objects.get().failing_since
    delivery = attempt()
    assert delivery.state == "succeeded" and WebhookEndpoint.objects.get().failing_since is None
    assert len({headers.get("webhook-id", headers.get("Webhook-Id")) for headers, _ in receiver.seen}) == 1

    tell(alice, key="second")
    WebhookDelivery.objects.filter(state="pending").update(attempts=len(WAITS))
    receiver.answers += [(500, {}, b"")]
    delivery = attempt()
    assert delivery.state == "failed" and delivery.next_try_at is None
    assert Job.objects.filter(kind="notifications.webhook", state="failed").count() == 1
    assert WebhookEndpoint.objects.get().is_active


@pytest.mark.django_db
def test_an_endpoint_that_nothing_reaches_is_switched_off_and_told_of(alice, receiver, settings):
    endpoint = made(alice, receiver)
    url = f"{URL}{endpoint['id']}/"
    tell(alice)
    tell(alice, key="second")
    long_ago = timezone.now() - timedelta(days=5, minutes=1)
    WebhookEndpoint.objects.update(failing_since=long_ago)
    receiver.answers += [(500, {}, b"")]
    assert attempt().state == "failed"
    shown = alice.client.get(url).json()["data"]
    assert shown["is_active"] is False and "5 days" in shown["disabled_reason"]
    told = Notification.objects.get(title="A webhook was switched off")
    assert told.severity == "error" and receiver.url in told.message
    first = Job.objects.filter(kind="notifications.webhook", state="pending").get()
    jobs.execute(first.pk)  # what waits is not sent any more
    assert (
        set(WebhookDelivery.objects.values_list("state", flat=True)) == {"failed"} and len(receiver.seen) == 1
    )
    tell(alice, key="third")
    assert WebhookDelivery.objects.count() == 2
    assert alice.client.post(f"{url}test/").status_code == 409
    on = alice.client.patch(url, {"is_active": True}).json()["data"]
    assert on["failing_since"] is None and on["disabled_reason"] == ""
    sent = alice.client.post(f"{url}test/").json()["data"]
    assert sent["event"] == "webhook.test" and attempt().state == "succeeded"
    receiver.answers += [(410, {}, b"")]
    alice.client.post(f"{url}test/")
    assert attempt().state == "failed" and not WebhookEndpoint.objects.get().is_active
    # An address that the operator no longer allows is not tried at all.
    alice.client.patch(url, {"is_active": True})
    alice.client.post(f"{url}test/")
    settings.OUTBOUND_ALLOW_PRIVATE = []
    seen = len(receiver.seen)
    delivery = attempt()
    assert delivery.state == "failed" and "private network" in delivery.error and len(receiver.seen) == seen


@pytest.mark.django_db
def test_bad_endpoints_roles_and_bounds(alice, bob, receiver):
    for body, named in (
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "http://127.0.0.1:1/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "https://u:p@example.com/"}, "url"),
        ({"url": "https://example.com/" + "x" * 600}, "url"),
        ({}, "url"),
        ({"url": receiver.url, "events": ["content.exploded"]}, "events"),
        ({"url": receiver.url, "events": "all"}, "events"),
    ):
        answer = alice.client.post(URL, body)
        assert answer.status_code == 400 and named in answer.json()["details"], (body, answer.json())
    endpoint = made(alice, receiver)
    assert alice.as_role("editor").post(URL, {"url": receiver.url}).status_code == 403
    assert alice.as_role("viewer").get(f"{URL}{endpoint['id']}/").status_code == 200
    assert bob.client.get(f"{URL}{endpoint['id']}/").status_code == 404
    WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(account=alice.account, url=receiver.url, secret="whsec_eA==", is_active=False)
        for _ in range(19)
    )
    assert alice.client.post(URL, {"url": receiver.url}).status_code == 409
    assert alice.client.delete(f"{URL}{endpoint['id']}/").status_code == 200
    with pytest.raises(LookupError):
        event_send(account_id=alice.account.pk, event="content.exploded", data={})


@pytest.mark.django_db
def test_the_log_filters_hides_other_sites_and_forgets(alice, receiver, django_assert_max_num_queries):
    endpoint = made(alice, receiver)
    tell(alice)
    notify(account_id=alice.account.pk, notification_type="credits_low", title="Low", message="Low.")
    log = f"{URL}deliveries/"
    for query, n in (
        ("", 2), ("?event=credits.low", 1), ("?state=pending", 2), ("?state=failed,succeeded", 0), ("?search=Low", 1),
        (f"?endpoint={endpoint['id']}", 2), ("?endpoint=999999", 0), ("?ordering=attempts", 2),
    ):  # fmt: skip
        assert alice.client.get(log + query).json()["count"] == n, query
    limited = client_of(UserFactory(account=alice.account, role="viewer", all_sites=False))
    assert limited.get(log).json()["count"] == 0
    for i in range(10):
        tell(alice, key=f"many{i}")
    with django_assert_max_num_queries(4):
        assert alice.client.get(log).json()["count"] == 12
    WebhookDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert deliveries_forget() == 0  # what waits is kept
    WebhookDelivery.objects.update(state="succeeded")
    assert deliveries_forget() == 12
    tell(alice)
    assert WebhookDelivery.objects.count() == 0  # told long ago, and known by the notification


@pytest.mark.django_db
def test_runs_tell_that_they_end(alice, receiver):
    from apps.automation.models import Run

    made(alice, receiver, events=["run.finished"])
    run = Run.objects.create(account=alice.account, site=alice.site, status="completed")
    run_tell_finished(run=run)
    run_tell_finished(run=run)
    attempt()
    ((_, body),) = receiver.seen
    data = json.loads(body)["data"]
    assert data == {
        "run_id": run.pk,
        "done": 0,
        "failed": 0,
        "skipped": 0,
        "credits": 0,
        "site_id": alice.site.pk,
    }


@pytest.mark.django_db(transaction=True)
def test_told_by_many_at_once_it_is_one_delivery(alice, receiver):
    made(alice, receiver)
    barrier = threading.Barrier(8)

    def one():
        try:
            barrier.wait()
            tell(alice)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert Notification.objects.count() == WebhookDelivery.objects.count() == 1
    assert Job.objects.filter(kind="notifications.webhook").count() == 1
