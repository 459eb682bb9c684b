"""By which channels a user is told: in the app, by mail once a day; and what is forgotten."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Account
from apps.core.models import Job
from apps.notifications.models import Notification, NotificationPreference
from apps.notifications.services.digest import digests_start, notifications_forget
from tests.conftest import client_of
from tests.factories import SiteFactory, UserFactory
from tests.notifications.test_api import tell

pytestmark = pytest.mark.django_db
URL = "/api/v1/notifications"
PREFERENCES = f"{URL}/preferences/"
NOW = datetime(2026, 3, 10, 9, 7, tzinfo=UTC)


def prefer(client, *preferences):
    return client.put(PREFERENCES, {"preferences": list(preferences)})


def channels(client) -> dict:
    rows = client.get(PREFERENCES).json()["data"]
    return {row["notification_type"]: (row["in_app"], row["mail"]) for row in rows}


def test_preferences_begin_with_the_urgent_by_mail(alice):
    rows = channels(alice.client)
    assert set(rows) == set(Notification.Type.values)
    assert {kind for kind, (_, by_mail) in rows.items() if by_mail} == set(NotificationPreference.URGENT)
    assert all(in_app for in_app, _ in rows.values())


def test_preferences_by_type_and_group(alice):
    answer = prefer(
        alice.client,
        {"notification_type": "ai_task", "in_app": False},
        {"notification_type": "ai_content_failed", "in_app": True, "mail": True},
        {"notification_type": "credits_low", "mail": False},
    )
    assert answer.status_code == 200, answer.content
    rows = channels(alice.client)
    assert rows["ai_ideas_complete"] == (False, False) and rows["ai_content_failed"] == (True, True)
    assert rows["credits_low"] == (True, False) and rows["credits_depleted"] == (True, True)
    colleague = alice.as_role("viewer")
    assert channels(colleague)["ai_ideas_complete"] == (True, False)
    assert prefer(colleague, {"notification_type": "system", "mail": True}).status_code == 200


@pytest.mark.parametrize(
    "bad",
    [
        {"preferences": []},
        {"preferences": [{"notification_type": "gossip", "mail": True}]},
        {"preferences": [{"mail": True}]},
        {"preferences": [{"notification_type": "system", "mail": "perhaps"}]},
        {"preferences": "all"},
        [],
    ],
)
def test_bad_preferences(alice, bad):
    assert alice.client.put(PREFERENCES, bad).status_code == 400
    assert not NotificationPreference.objects.exists()


def test_what_is_muted_is_not_shown_nor_counted(alice):
    tell(alice)
    tell(alice, "credits_low")
    colleague = alice.as_role("editor")
    prefer(alice.client, {"notification_type": "system", "in_app": False})
    shown = alice.client.get(f"{URL}/").json()
    assert [row["notification_type"] for row in shown["results"]] == ["credits_low"]
    assert alice.client.get(f"{URL}/unread-count/").json()["data"]["unread_count"] == 1
    assert alice.client.post(f"{URL}/read-all/").json()["data"]["updated"] == 1
    assert colleague.get(f"{URL}/").json()["count"] == 2
    prefer(alice.client, {"notification_type": "system", "in_app": True})
    assert alice.client.get(f"{URL}/").json()["count"] == 2


def test_what_is_of_a_site_is_told_to_those_who_see_it(alice):
    other = SiteFactory(account=alice.account)
    tell(alice, metadata={"site_id": other.pk})
    tell(alice, site_id=alice.site.pk, notification_type="credits_low")
    tell(alice, metadata={"site_id": 10**9}, notification_type="ai_ideas_failed")  # its site is gone
    limited = UserFactory(account=alice.account, role="editor", all_sites=False)
    limited.site_access.create(account=alice.account, site=alice.site)
    seen = client_of(limited).get(f"{URL}/?ordering=created_at").json()["results"]
    assert [row["notification_type"] for row in seen] == ["credits_low", "ai_ideas_failed"]
    assert client_of(limited).get(f"{URL}/unread-count/").json()["data"]["unread_count"] == 2
    assert alice.client.get(f"{URL}/?site_id={other.pk}").json()["count"] == 1


def test_the_unread_count_is_one_indexed_query(alice, bob):
    rows = [
        Notification(account=a.account, notification_type="system_info", severity="info", is_read=i % 50 != 0)
        for a in (alice, bob)
        for i in range(20_000)
    ]
    Notification.objects.bulk_create(rows, batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_notification")
    with CaptureQueriesContext(connection) as queries:
        body = alice.client.get(f"{URL}/unread-count/").json()
    assert body["data"]["unread_count"] == 400
    counting = [q["sql"] for q in queries if "COUNT(" in (q["sql"] or "")]
    assert len(counting) == 1 and len(queries) == 2  # the other is the one that authenticates and counts
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {counting[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "notification_unread" in plan and "Seq Scan on notifications_notification " not in plan, plan


@pytest.fixture
def verified(alice):
    alice.user.email_verified_at = timezone.now()
    alice.user.save()
    return alice


def yesterday(actor, *args, **fields):
    note = tell(actor, *args, **fields)
    Notification.objects.filter(pk=note.pk).update(created_at=NOW - timedelta(days=1))
    return note


def test_the_digest_is_one_mail_of_what_is_wanted_and_unread(verified, bob, run_jobs):
    yesterday(
        verified,
        "credits_low",
        title="Credits are <low>",
        message="5 are left.\nBuy some.\n",
        action_url="/billing",
    )
    yesterday(verified, "credits_depleted", title="Read before")
    yesterday(verified, "system_info", title="Not wanted by mail")
    tell(verified, "credits_low", title="Of today")
    Notification.objects.filter(title="Read before").update(is_read=True)
    yesterday(bob, "credits_low", title="Bob has no verified address")
    for _ in range(3):
        digests_start(now=NOW)
    assert Job.objects.filter(kind="notifications.digest").count() == 1
    [job] = run_jobs()
    assert job.state == "succeeded" and job.result == {"notifications": 1}
    [sent] = mail.outbox
    assert sent.to == ["alice@example.com"] and sent.subject.startswith(
        "Alice: 1 notification of March 9, 2026"
    )
    html = sent.alternatives[0][0]
    assert "* Credits are <low>\n  5 are left.\n  Buy some.\n  http" in sent.body
    assert "5 are left.<br>Buy some." in html
    assert "Credits are <low>" in sent.body and "Credits are &lt;low&gt;" in html
    assert "http://" in sent.body and "/billing" in html
    for absent in ("Read before", "Not wanted", "Of today", "Bob"):
        assert absent not in sent.body + html
    digests_start(now=NOW + timedelta(hours=1))
    assert not run_jobs() and len(mail.outbox) == 1


def test_the_day_is_the_accounts_and_is_written_as_there(verified, run_jobs):
    Account.objects.filter(pk=verified.account.pk).update(timezone="Asia/Tokyo", locale="de")
    yesterday(verified, "credits_low")
    in_tokyo = datetime(2026, 3, 10, 1, 0, tzinfo=ZoneInfo("Asia/Tokyo"))  # the ninth elsewhere
    Notification.objects.update(created_at=in_tokyo)
    assert digests_start(now=in_tokyo + timedelta(hours=22)) == 0
    assert digests_start(now=in_tokyo + timedelta(hours=23)) == 1
    run_jobs()
    assert mail.outbox[0].subject == "Alice: 1 notification of 10. März 2026"


def test_a_digest_follows_preferences_sites_and_a_day_that_was_missed(verified, run_jobs):
    prefer(verified.client, {"notification_type": "credit", "mail": False})
    yesterday(verified, "credits_low")
    assert digests_start(now=NOW) == 0
    Notification.objects.all().delete()
    limited = UserFactory(
        account=verified.account, role="editor", all_sites=False, email_verified_at=timezone.now()
    )
    yesterday(verified, "content_publish_failed", site_id=verified.site.pk)
    assert digests_start(now=NOW + timedelta(days=1)) == 2  # a day late
    results = {job.user_id: job.result for job in run_jobs()}
    assert results == {verified.user.pk: {"notifications": 1}, limited.pk: {"notifications": 0}}
    assert [m.to for m in mail.outbox] == [["alice@example.com"]]


def test_a_mail_server_that_is_away_is_asked_again(verified, run_jobs, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    yesterday(verified, "credits_low")
    digests_start(now=NOW)
    [job] = run_jobs()
    assert job.state == "pending" and job.run_after > timezone.now()


def test_how_many_start_costs_the_same(verified, run_jobs):
    yesterday(verified, "credits_low")
    for n in range(5):
        UserFactory(account=verified.account, email=f"more{n}@example.com", email_verified_at=timezone.now())
    assert digests_start(now=NOW) == 6
    with CaptureQueriesContext(connection) as queries:
        assert digests_start(now=NOW) == 0
    assert len(queries) <= 10


def test_what_is_old_is_forgotten(alice):
    now = timezone.now()
    ages = {"old": (200, False), "old read": (100, True), "kept": (100, False), "new read": (10, True)}
    for title, (days, read) in ages.items():
        note = tell(alice, title=title)
        Notification.objects.filter(pk=note.pk).update(created_at=now - timedelta(days=days), is_read=read)
    assert notifications_forget() == 2
    assert set(Notification.objects.values_list("title", flat=True)) == {"kept", "new read"}
