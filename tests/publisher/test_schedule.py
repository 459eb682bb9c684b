"""Times: what is asked for, the next free slot, and what is due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import Conflict, Invalid
from apps.core.models import Job
from apps.core.zones import zone_of
from apps.integration.models import SiteSettings
from apps.integration.services.settings import site_settings
from apps.publisher.models import HostedPage, PublishingRecord
from apps.publisher.services import publishing
from apps.publisher.services.dispatch import publish_due
from apps.publisher.services.placement import next_slot, periods_start
from apps.publisher.services.publishing import content_publish, content_schedule, content_unschedule
from apps.writer.models import Content
from tests.factories.publisher import ApprovedContentFactory

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def settings_of(**fields) -> SiteSettings:
    free = {"daily_publish_limit": 0, "weekly_publish_limit": 0, "monthly_publish_limit": 0}
    return SiteSettings(**{**free, "publish_days": EVERY_DAY, **fields})


def fill(settings, zone, now, count, placed=()):
    """The next `count` slots, one after the other, in local time without its offset."""
    zone, placed = ZoneInfo(zone), list(placed)
    for _ in range(count):
        placed.append(next_slot(settings=settings, zone=zone, now=now, placed=placed))
    return [f"{at.astimezone(zone):%m-%d %H:%M}" for at in placed[-count:]]


def slot(start, end):
    return {"start": start, "end": end}


MONDAY = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)


def test_days_slots_and_the_daily_limit():
    settings = settings_of(publish_days=["mon", "wed"], daily_publish_limit=2)
    assert fill(settings, "UTC", MONDAY, 5) == [
        "06-01 09:00", "06-01 14:00", "06-03 09:00", "06-03 14:00", "06-08 09:00",
    ]  # fmt: skip
    assert fill(settings, "UTC", MONDAY.replace(hour=14), 2) == ["06-01 18:00", "06-03 09:00"]


def test_weekly_and_monthly_limits():
    one_slot = [slot("09:00", "10:00")]
    weekly = settings_of(publish_time_slots=one_slot, daily_publish_limit=1, weekly_publish_limit=2)
    assert fill(weekly, "UTC", MONDAY, 3) == ["06-01 09:00", "06-02 09:00", "06-08 09:00"]
    monthly = settings_of(publish_time_slots=one_slot, daily_publish_limit=1, monthly_publish_limit=1)
    assert fill(monthly, "UTC", MONDAY, 3) == ["06-01 09:00", "07-01 09:00", "08-01 09:00"]


def test_a_long_slot_is_shared_evenly():
    settings = settings_of(publish_time_slots=[slot("09:00", "17:00")], daily_publish_limit=3)
    assert fill(settings, "UTC", MONDAY, 4) == ["06-01 09:00", "06-01 11:40", "06-01 14:20", "06-02 09:00"]
    unlimited = settings_of(publish_time_slots=[slot("09:00", "09:30")])
    assert fill(unlimited, "UTC", MONDAY, 3) == ["06-01 09:00", "06-01 09:15", "06-02 09:00"]


def test_a_slot_over_midnight_counts_for_the_day_on_which_it_publishes():
    settings = settings_of(
        publish_time_slots=[slot("23:30", "00:30")], daily_publish_limit=2, publish_days=["mon"]
    )
    assert fill(settings, "UTC", MONDAY, 2) == ["06-01 23:30", "06-02 00:00"]
    assert fill(settings, "UTC", MONDAY + timedelta(hours=23, minutes=20), 1) == ["06-02 00:00"]


def test_what_is_placed_counts_in_local_days():
    settings = settings_of(publish_time_slots=[slot("09:00", "10:00")], daily_publish_limit=1)
    late = datetime(2026, 6, 2, 3, 30, tzinfo=UTC)  # still 1 June in New York
    assert fill(settings, "America/New_York", MONDAY.replace(hour=5), 1, [late]) == ["06-02 09:00"]
    assert fill(settings, "UTC", MONDAY, 1, [late]) == ["06-01 09:00"]


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        # The clock goes forward at 01:00 UTC: 09:00 is another UTC hour before and after.
        ("Europe/London", datetime(2026, 3, 28, 0, tzinfo=UTC), ["2026-03-28T09:00Z", "2026-03-29T08:00Z"]),
        ("Europe/London", datetime(2026, 10, 24, 0, tzinfo=UTC), ["2026-10-24T08:00Z", "2026-10-25T09:00Z"]),
        ("America/New_York", datetime(2026, 3, 7, 6, tzinfo=UTC), ["2026-03-07T14:00Z", "2026-03-08T13:00Z"]),
        (
            "America/New_York",
            datetime(2026, 10, 31, 6, tzinfo=UTC),
            ["2026-10-31T13:00Z", "2026-11-01T14:00Z"],
        ),
    ],
)
def test_nine_o_clock_is_nine_o_clock_over_a_change_of_the_clock(zone, now, expected):
    settings = settings_of(publish_time_slots=[slot("09:00", "10:00")], daily_publish_limit=1)
    placed = []
    for _ in expected:
        placed.append(next_slot(settings=settings, zone=ZoneInfo(zone), now=now, placed=placed))
    assert [f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for at in placed] == expected


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Europe/London", 29), ("Europe/London", 25), ("America/New_York", 8), ("America/New_York", 1)],
)
def test_the_hour_that_is_missing_or_twice(zone, day):
    """Slots in it give each moment once, in order, and none that is not on a clock of that day."""
    month = {29: 3, 8: 3, 25: 10, 1: 11}[day]
    settings = settings_of(publish_time_slots=[slot("00:30", "03:30")], daily_publish_limit=12)
    tz = ZoneInfo(zone)
    now = datetime(2026, month, day, tzinfo=tz).astimezone(UTC)
    placed = []
    for _ in range(12):
        placed.append(next_slot(settings=settings, zone=tz, now=now, placed=placed))
    assert placed == sorted(set(placed))
    inside = {at.astimezone(tz).date().day for at in placed}
    assert inside == {day}
    hours = 2 if month == 3 else 4
    assert placed[-1] - placed[0] < timedelta(hours=hours)


def test_no_room():
    with pytest.raises(Conflict, match="no publish days"):
        fill(settings_of(publish_days=[]), "UTC", MONDAY, 1)
    with pytest.raises(Conflict, match="no time slots"):
        fill(settings_of(publish_time_slots=[]), "UTC", MONDAY, 1)
    full = [MONDAY + timedelta(days=n) for n in range(800)]
    with pytest.raises(Conflict, match="two years"):
        fill(settings_of(daily_publish_limit=1), "UTC", MONDAY, 1, full)


def test_periods_and_zones():
    start = periods_start(zone=ZoneInfo("Asia/Tokyo"), now=datetime(2026, 7, 1, tzinfo=UTC))
    assert start <= datetime(2026, 6, 28, 15, tzinfo=UTC)  # Monday, 29 June in Tokyo
    assert str(zone_of("Mars/Olympus")) == "UTC" and str(zone_of("../etc")) == "UTC"


def schedule(content, at=None):
    return content_schedule(account_id=content.account_id, content_id=content.pk, at=at)


@pytest.mark.django_db
def test_the_answer_of_the_seed(alice, content):
    at = (timezone.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    path = f"/api/v1/writer/content/{content.pk}"
    text = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    expected = {"content_id": content.pk, "site_status": "scheduled", "scheduled_publish_at": text}
    for _ in range(2):
        answer = alice.client.post(f"{path}/schedule/", {"scheduled_publish_at": text})
        assert answer.status_code == 200 and answer.json() == {"success": True, "data": expected}
    assert alice.client.post(f"{path}/schedule/").json()["data"] == expected  # it has a time
    moved = f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    answer = alice.client.post(f"{path}/schedule/", {"scheduled_publish_at": f"{at:%Y-%m-%dT%H:%M:%S}-01:00"})
    assert answer.json()["data"]["scheduled_publish_at"] == moved
    for _ in range(2):
        answer = alice.client.post(f"{path}/unschedule/")
        assert answer.status_code == 200
        assert answer.json()["data"] == {
            "content_id": content.pk, "site_status": "not_published", "scheduled_publish_at": None,
        }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    "time", ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "soon", 5, []]
)
def test_bad_times(alice, content, time):
    answer = alice.client.post(
        f"/api/v1/writer/content/{content.pk}/schedule/", {"scheduled_publish_at": time}
    )
    assert answer.status_code == 400 and "scheduled_publish_at" in answer.json()["details"]


@pytest.mark.django_db
def test_a_misspelt_time_is_not_the_next_free_slot(alice, content):
    answer = alice.client.post(
        f"/api/v1/writer/content/{content.pk}/schedule/", {"publish_at": "2099-01-01T00:00:00Z"}
    )
    assert answer.status_code == 400 and "publish_at" in answer.json()["details"]
    content.refresh_from_db()
    assert content.site_status == "not_published"


@pytest.mark.django_db
def test_states_that_forbid(alice, content):
    path = f"/api/v1/writer/content/{content.pk}"
    for status, site_status in (("draft", "not_published"), ("review", "failed"), ("published", "published"),
                                ("approved", "publishing")):  # fmt: skip
        Content.objects.filter(pk=content.pk).update(status=status, site_status=site_status)
        assert alice.client.post(f"{path}/schedule/").status_code == 409
    assert alice.client.post(f"{path}/unschedule/").status_code == 409
    Content.objects.filter(pk=content.pk).update(status="published", site_status="published")
    assert alice.client.post(f"{path}/unschedule/").status_code == 409
    for wrong in ("0", "x", "9" * 30):
        assert alice.client.post(f"/api/v1/writer/content/{wrong}/schedule/").status_code == 404


@pytest.mark.django_db
def test_publishing_by_hand_counts_but_is_not_held(alice):
    one = {
        "daily_publish_limit": 1,
        "publish_days": EVERY_DAY,
        "publish_time_slots": [slot("00:00", "23:59")],
    }
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    SiteSettings.objects.filter(pk=settings.pk).update(**one)
    by_hand, second, waiting = ApprovedContentFactory.create_batch(3, site=alice.site)
    for content in (by_hand, second):
        content_publish(account_id=alice.account.pk, content_id=content.pk, reference="hand")
    at = schedule(waiting)["scheduled_publish_at"]
    assert at.date() == timezone.now().date() + timedelta(days=1)
    content_unschedule(account_id=alice.account.pk, content_id=waiting.pk)
    HostedPage.objects.all().delete()
    Content.objects.filter(pk__in=[by_hand.pk, second.pk]).update(
        published_at=timezone.now() - timedelta(days=40)
    )
    assert schedule(waiting)["scheduled_publish_at"] == at


@pytest.mark.django_db(transaction=True)
def test_placed_side_by_side_within_the_limits(alice, side_by_side):
    settings = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    SiteSettings.objects.filter(pk=settings.pk).update(daily_publish_limit=2, weekly_publish_limit=3)
    contents = ApprovedContentFactory.create_batch(8, site=alice.site)
    results = side_by_side(*[lambda c=c: schedule(c) for c in contents])
    assert not [r for r in results if isinstance(r, Exception)], results
    times = sorted(r["scheduled_publish_at"] for r in results)
    assert len(set(times)) == 8
    weeks = [at.isocalendar()[:2] for at in times]
    assert max(weeks.count(w) for w in weeks) <= 3
    days = [at.date() for at in times]
    assert max(days.count(d) for d in days) <= 2


def due(content):
    Content.objects.filter(pk=content.pk).update(
        site_status="scheduled", scheduled_publish_at=timezone.now() - timedelta(seconds=1)
    )


@pytest.mark.django_db
def test_due_is_published_and_what_is_not_waits(alice, run_jobs):
    now, later = ApprovedContentFactory.create_batch(2, site=alice.site)
    due(now)
    schedule(later, timezone.now() + timedelta(hours=1))
    assert publish_due() == 1 and publish_due() == 0
    now.refresh_from_db()
    assert now.site_status == "publishing"
    with pytest.raises(Conflict):
        content_unschedule(account_id=alice.account.pk, content_id=now.pk)
    (job,) = run_jobs()
    assert job.state == "succeeded" and job.idempotency_key.startswith(f"due:{now.pk}:")
    now.refresh_from_db()
    assert (now.status, now.site_status, now.scheduled_publish_at) == ("published", "published", None)
    later.refresh_from_db()
    assert later.site_status == "scheduled"


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_publish_once(alice, side_by_side, run_jobs):
    contents = ApprovedContentFactory.create_batch(6, site=alice.site)
    for content in contents:
        due(content)
    started = side_by_side(*[publish_due] * 4)
    assert sum(started) == 6, started
    assert Job.objects.count() == 6 and PublishingRecord.objects.count() == 6
    run_jobs()
    assert HostedPage.objects.count() == 6 and publish_due() == 0
    assert set(PublishingRecord.objects.values_list("attempts", "status")) == {(1, "published")}


@pytest.mark.django_db
def test_due_of_a_suspended_account_waits(alice, content):
    due(content)
    alice.account.status = "suspended"
    alice.account.save()
    assert publish_due() == 0
    content.refresh_from_db()
    assert content.site_status == "scheduled"


@pytest.mark.django_db
def test_a_due_article_that_fails_says_why(alice, content, run_jobs):
    due(content)
    alice.site.is_hosted = False
    alice.site.save()
    publish_due()
    (job,) = run_jobs()
    assert "not hosted" in job.result["failed"][0]["error"]
    content.refresh_from_db()
    assert content.site_status == "failed" and publish_due() == 0
    with pytest.raises(Conflict, match="not hosted"):
        schedule(content, timezone.now() + timedelta(hours=1))
    alice.site.is_hosted = True
    alice.site.save()
    assert schedule(content)["site_status"] == "scheduled"


@pytest.mark.django_db
def test_finish_is_part_of_scheduling(content):
    def finish(state):
        raise Invalid("x", "no")

    with pytest.raises(Invalid):
        publishing.content_schedule(account_id=content.account_id, content_id=content.pk, finish=finish)
    content.refresh_from_db()
    assert content.site_status == "not_published"


def test_a_key_of_a_user_is_never_one_of_ours(alice, content):
    """Whoever knows how a due article's job is named can not keep it from starting."""
    content_schedule(
        account_id=content.account_id, content_id=content.pk, at=timezone.now() + timedelta(hours=1)
    )
    Content.objects.update(scheduled_publish_at=(due := timezone.now() - timedelta(minutes=1)))
    other = ApprovedContentFactory(site=alice.site)
    answer = alice.client.post(
        "/api/v1/publisher/publish/",
        {"content_ids": [other.pk]},
        headers={"Idempotency-Key": f"due:{content.pk}:{due.isoformat()}"},
    )
    assert answer.status_code == 200
    assert publish_due() == 1
    assert Content.objects.get(pk=content.pk).site_status == "publishing"


@pytest.mark.django_db
def test_what_failed_before_its_time_still_goes_out_at_its_time(alice, content, run_jobs):
    at = timezone.now() + timedelta(days=1)
    content_schedule(account_id=alice.account.pk, content_id=content.pk, at=at)
    alice.client.post("/api/v1/publisher/publish/", {"content_ids": [content.pk]})
    Site.objects.filter(pk=alice.site.pk).update(is_hosted=False)
    (job,) = run_jobs()
    content.refresh_from_db()
    assert (job.state, content.site_status, content.scheduled_publish_at) == ("failed", "scheduled", at)
    Site.objects.filter(pk=alice.site.pk).update(is_hosted=True)
    Content.objects.update(scheduled_publish_at=timezone.now() - timedelta(seconds=5))
    assert publish_due() == 1
    run_jobs()
    content.refresh_from_db()
    assert content.status == "published"
