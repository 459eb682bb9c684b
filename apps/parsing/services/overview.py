"""How the crawling goes, for the dashboard: by site, of a day, of the backlog. Each in a fixed number of queries."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.parsing.models import Product, Source, SourceRun
from apps.parsing.services.sources import activations_today
from apps.parsing.services.workers import workers_alive


def totals_of(sources: list[Source]) -> dict[int, int]:
    """Products by source: of a hub those of its whole site, of any other those that it brought first."""
    sites = {s.site_key for s in sources if s.type == Source.Type.HUB}
    by_site = {}
    if sites:
        rows = Source.objects.filter(site_key__in=sites).values_list("site_key")
        by_site = dict(rows.annotate(n=Sum("items_total")))
    return {s.pk: by_site[s.site_key] if s.type == Source.Type.HUB else s.items_total for s in sources}


def monitoring() -> list[dict]:
    """Each site with its sources, their states, products and last synchronisation."""
    rows = list(
        Source.objects.values("site_key")
        .annotate(
            sources=Count("pk"),
            active=Count("pk", filter=Q(is_active=True)),
            total_items=Coalesce(Sum("items_total"), 0),
            last_synced_at=Max("last_synced_at"),
            **{s.value: Count("pk", filter=Q(status=s)) for s in Source.Status},
        )
        .order_by("site_key")
    )
    states = [s.value for s in Source.Status]
    return [
        {
            "site_key": row["site_key"],
            "sources": row["sources"],
            "active": row["active"],
            "states": {state: row[state] for state in states},
            "total_items": row["total_items"],
            "last_synced_at": row["last_synced_at"],
        }
        for row in rows
    ]


def stats() -> dict:
    """What happened in the last 24 hours, and what there is."""
    since = timezone.now() - timedelta(hours=24)
    runs = SourceRun.objects.filter(created_at__gte=since).aggregate(
        runs=Count("pk"),
        runs_completed=Count("pk", filter=Q(status=SourceRun.Status.COMPLETED)),
        runs_failed=Count("pk", filter=Q(status=SourceRun.Status.ERROR)),
        runs_open=Count("pk", filter=Q(status__in=SourceRun.OPEN)),
        items_scraped=Coalesce(Sum("items_scraped"), 0),
        items_new=Coalesce(Sum("items_new"), 0),
        items_updated=Coalesce(Sum("items_updated"), 0),
    )
    states = dict(Source.objects.values_list("status").annotate(n=Count("pk")))
    return {
        "since": since,
        **runs,
        "products_new": Product.objects.filter(created_at__gte=since).count(),
        "products_total": Source.objects.aggregate(n=Coalesce(Sum("items_total"), 0))["n"],
        "sources": {state.value: states.get(state.value, 0) for state in Source.Status},
        "workers": len(workers_alive()),
    }


def backlog_stats() -> dict:
    """What waits in the backlog, by site, and how much of today's quota is left."""
    rows = Source.objects.filter(status=Source.Status.DISCOVERED).values("site_key")
    by_site = list(rows.annotate(count=Count("pk")).order_by("-count", "site_key"))
    quota, used = settings.PARSING_ACTIVATIONS_PER_DAY, activations_today()
    return {
        "total": sum(row["count"] for row in by_site),
        "by_site": by_site,
        "quota": quota,
        "activated_today": used,
        "left_today": max(0, quota - used),
    }
