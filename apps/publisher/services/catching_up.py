"""After an outage: what is late goes out as far as the site's limits allow, the oldest first; the rest is moved."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from apps.core.errors import Conflict
from apps.core.zones import zone_of
from apps.integration.models import SiteSettings
from apps.integration.services.settings import site_settings
from apps.publisher.services.calendar import times_placed
from apps.publisher.services.placement import Limits, next_slot
from apps.writer.models import Content

# What is due is published within a minute; what is later than this was held up.
LATE_AFTER = timedelta(minutes=30)
log = logging.getLogger(__name__)


def late_held(contents: Iterable[Content], now: datetime) -> list[Content]:
    """Those of the due articles, with their `site`, that may go out now. Late ones beyond the day's, week's or month's
    limit get the next free slot. Part of the caller's transaction, which holds the articles' locks."""
    by_site: dict[int, list[Content]] = defaultdict(list)
    for content in contents:
        by_site[content.site_id].append(content)
    going: list[Content] = []
    for _, of_site in sorted(by_site.items()):  # in one order, as each takes its site's lock
        late = [c for c in of_site if c.scheduled_publish_at < now - LATE_AFTER]
        going += [c for c in of_site if c.scheduled_publish_at >= now - LATE_AFTER]
        if late:
            going += _within_limits(late, now)
    return going


def _within_limits(late: list[Content], now: datetime) -> list[Content]:
    site = late[0].site
    settings = site_settings(site_id=site.pk, account_id=site.account_id)
    settings = SiteSettings.objects.select_for_update().get(pk=settings.pk)
    zone = zone_of(site.timezone)
    placed = times_placed(site_id=site.pk, zone=zone, now=now, but=[content.pk for content in late])
    limits, going, moved = Limits(settings, zone, placed), [], []
    for content in late:
        if not limits.full(now):
            going.append(content)
            limits.add(now)
            placed.append(now)
            continue
        try:
            content.scheduled_publish_at = next_slot(settings=settings, zone=zone, now=now, placed=placed)
        except Conflict:  # nowhere to go: it was to be out by now
            going.append(content)
            continue
        placed.append(content.scheduled_publish_at)
        moved.append(content)
    if moved:
        Content.objects.bulk_update(moved, ["scheduled_publish_at"])
        log.warning("site %s: %s late articles were moved", site.pk, len(moved))
    return going
