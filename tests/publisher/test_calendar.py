"""The plan of a site: any zone, any settings, an outage, and the route that shows it."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.zones import offset_of, zone_of
from apps.integration.models import WEEKDAYS, SiteSettings
from apps.integration.services.settings import site_settings
from apps.publisher.services.dispatch import publish_due
from apps.publisher.services.placement import Limits, free_slots
from apps.writer.models import Content
from tests.factories.publisher import ApprovedContentFactory

PATH = "/api/v1/publisher/calendar/"
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
    "UTC+5.5",
    "UTC-03:30",
]
# The days around each change of a clock in these zones, and some without.
CHANGES = [datetime(2026, month, day, tzinfo=UTC) for month, day in
           ((3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31), (12, 30), (6, 15))]  # fmt: skip
clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    now=st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(0, 2880)
    ),
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    slots=st.lists(
        st.builds(lambda start, end: {"start": start, "end": end}, clock, clock), min_size=1, max_size=3
    ),
    limits=st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(0, 25)),
    placed=st.lists(st.integers(-3000, 6000).map(lambda m: timedelta(minutes=m)), max_size=8),
)
def test_free_slots_in_every_zone(zone, now, days, slots, limits, placed):
    """In order, each moment once, ahead, within the limits, on publish days, in a slot by the site's own clock."""
    daily, weekly, monthly = limits
    row = SiteSettings(publish_days=sorted(days), publish_time_slots=slots, daily_publish_limit=daily,
                       weekly_publish_limit=weekly, monthly_publish_limit=monthly)  # fmt: skip
    tz, placed = zone_of(zone), [now + p for p in placed]
    times = [
        at for _, at in zip(range(8), free_slots(settings=row, zone=tz, now=now, placed=placed), strict=False)
    ]
    assert times == sorted(set(times)) and all(at > now and at not in placed for at in times)
    held = Limits(row, tz, placed)
    for at in times:
        assert not held.full(at)
        held.add(at)
        assert any(_in_slot(at, tz, slot, days) for slot in slots), (at.astimezone(tz), slots, days)


def _in_slot(at, tz, slot, days) -> bool:
    """By elapsed time from the slot's beginning, which a change of the clock neither stretches nor doubles."""
    start, end = (datetime.strptime(slot[name], "%H:%M").time() for name in ("start", "end"))
    local = at.astimezone(tz).date()
    for day in (local, local - timedelta(days=1)):
        if WEEKDAYS[day.weekday()] in days:
            begin = datetime.combine(day, start, tz).astimezone(UTC)
            closing = day if end > start else day + timedelta(days=1)
            until = datetime.combine(closing, end, tz).astimezone(UTC)
            if begin == at or (start != end and begin <= at < until):
                return True
    return False


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("UTC+5.5", 330), ("UTC-3", -180), ("+05:45", 345), ("GMT+14", 840), ("UTC+14:30", None), ("UTC+5.333", None),
     ("UTC+٣", None), ("Europe/Berlin", None), ("+", None), ("UTC", None)],
)  # fmt: skip
def test_zones_without_names(name, minutes):
    zone = offset_of(name)
    assert (zone and zone.utcoffset(None) / timedelta(minutes=1)) == minutes


@pytest.fixture
def limits(alice):
    """Two a day, every day at any hour."""
    row = site_settings(site_id=alice.site.pk, account_id=alice.account.pk)
    SiteSettings.objects.filter(pk=row.pk).update(
        publish_days=list(WEEKDAYS), publish_time_slots=[{"start": "00:00", "end": "23:59"}],
        daily_publish_limit=2, weekly_publish_limit=0, monthly_publish_limit=0,
    )  # fmt: skip


@pytest.mark.django_db
def test_an_outage_catches_up_within_the_limits(alice, limits):
    now = timezone.now()
    late = [now - timedelta(days=n) for n in (5, 4, 3, 2, 1)]
    contents = [
        ApprovedContentFactory(site=alice.site, site_status="scheduled", scheduled_publish_at=at)
        for at in late
    ]
    on_time = ApprovedContentFactory(
        site=alice.site, site_status="scheduled", scheduled_publish_at=now - timedelta(seconds=20)
    )
    assert publish_due() == 2  # what was on time counts too
    states = {c.pk: c for c in Content.objects.all()}
    assert [states[c.pk].site_status for c in contents] == ["publishing"] + ["scheduled"] * 4
    assert states[on_time.pk].site_status == "publishing"
    moved = sorted(states[c.pk].scheduled_publish_at.date() for c in contents[1:])
    days = [now.date() + timedelta(days=n) for n in (1, 1, 2, 2)]
    assert moved == days
    assert publish_due() == 0


@pytest.mark.django_db
def test_what_is_late_and_has_no_other_place_goes_out(alice, limits):
    SiteSettings.objects.update(publish_days=[], daily_publish_limit=1)
    for n in (1, 2):
        ApprovedContentFactory(
            site=alice.site, site_status="scheduled", scheduled_publish_at=timezone.now() - timedelta(days=n)
        )
    assert publish_due() == 2


@pytest.mark.django_db
def test_the_calendar(alice, bob, limits, django_assert_max_num_queries):
    alice.site.timezone = "UTC+5.5"
    alice.site.save()
    now = datetime(2026, 6, 1, 20, tzinfo=UTC)  # the 2nd there
    SiteSettings.objects.update(publish_time_slots=[{"start": "09:00", "end": "10:00"}])
    out = ApprovedContentFactory(
        site=alice.site, status="published", site_status="published", published_at=now - timedelta(hours=3)
    )
    soon = ApprovedContentFactory(
        site=alice.site, site_status="scheduled", scheduled_publish_at=datetime(2026, 6, 2, 3, 30, tzinfo=UTC)
    )
    ApprovedContentFactory(
        site=bob.site, site_status="scheduled", scheduled_publish_at=now + timedelta(days=1)
    )
    path = f"{PATH}?site_id={alice.site.pk}&from=2026-06-01&to=2026-06-03"
    with patch("django.utils.timezone.now", return_value=now):
        with django_assert_max_num_queries(7):
            found = alice.client.get(path).json()["data"]
        default = alice.client.get(f"{PATH}?site_id={alice.site.pk}").json()["data"]
    assert [(i["content_id"], i["site_status"], i["is_late"]) for i in found["items"]] == [
        (out.pk, "published", False), (soon.pk, "scheduled", False),
    ]  # fmt: skip
    assert [(d["date"], d["published"], d["scheduled"], d["left"]) for d in found["days"]] == [
        ("2026-06-01", 1, 0, 1), ("2026-06-02", 0, 1, 1), ("2026-06-03", 0, 0, 2),
    ]  # fmt: skip
    assert found["free_slots"] == ["2026-06-02T04:00:00Z", "2026-06-03T03:30:00Z", "2026-06-03T04:00:00Z"]
    assert (found["items_count"], found["timezone"]) == (2, "UTC+5.5")
    assert default["days"][0]["date"] == "2026-06-02" and len(default["days"]) == 31
    ApprovedContentFactory.create_batch(9, site=alice.site, site_status="scheduled", scheduled_publish_at=now)
    with django_assert_max_num_queries(7):
        assert alice.client.get(path).json()["data"]["items_count"] == 11


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "name"),
    [("", "site_id"), ("site_id=x", "site_id"), ("from=soon", "from"), ("from=0001-01-01", "from"),
     ("to=9999-12-31", "to"), ("from=2026-06-02&to=2026-06-01", "to"), ("from=2026-01-01&to=2026-06-01", "to")],
)  # fmt: skip
def test_bad_questions(alice, query, name):
    prefix = "" if name == "site_id" else f"site_id={alice.site.pk}&"
    answer = alice.client.get(f"{PATH}?{prefix}{query}")
    assert answer.status_code == 400 and name in answer.json()["details"], answer.content


@pytest.mark.django_db
def test_whose_calendar(alice, bob):
    assert alice.client.get(f"{PATH}?site_id={bob.site.pk}").status_code == 404
    assert alice.as_role("viewer").get(f"{PATH}?site_id={alice.site.pk}").status_code == 200
