"""What a run has done, and what waits for the next one."""

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.automation.models import Run, RunItem
from apps.automation.services.stages import STAGES
from apps.core.tenancy import Tenant
from apps.integration.models import SiteSettings
from apps.planner.models import Keyword
from apps.system.services.modules import modules_of


def runs_with_totals(queryset: QuerySet) -> QuerySet:
    """Adds `items_processed` and `credits_used`, each from one sub-query."""
    items = RunItem.objects.filter(run=OuterRef("pk")).order_by().values("run")
    done = items.filter(state=RunItem.State.DONE).annotate(n=Count("pk")).values("n")
    spent = items.annotate(n=Sum("credits")).values("n")
    return queryset.annotate(
        items_processed=Coalesce(Subquery(done), 0), credits_used=Coalesce(Subquery(spent), 0)
    )


def run_detail(*, run: Run, tenant: Tenant) -> Run:
    """The run with `stage_rows`, `failed_items` (the first 100) and `newest_logs` (100)."""
    items = RunItem.objects.for_tenant(tenant).filter(run=run)
    counts = {
        row["stage"]: row
        for row in items.order_by()
        .values("stage")
        .annotate(
            total=Count("pk"),
            done=Count("pk", filter=Q(state=RunItem.State.DONE)),
            failed=Count("pk", filter=Q(state=RunItem.State.FAILED)),
            skipped=Count("pk", filter=Q(state=RunItem.State.SKIPPED)),
            credits=Sum("credits"),
        )
    }
    rows = {row.number: row for row in run.stages.all()}
    run.stage_rows = [
        {
            "number": stage.number,
            "name": stage.name,
            "state": rows[stage.number].state if stage.number in rows else "pending",
            "reason": rows[stage.number].reason if stage.number in rows else "",
            "started_at": rows[stage.number].started_at if stage.number in rows else None,
            "completed_at": rows[stage.number].completed_at if stage.number in rows else None,
            **{
                k: counts.get(stage.number, {}).get(k) or 0
                for k in ("total", "done", "failed", "skipped", "credits")
            },
        }
        for stage in STAGES
    ]
    run.failed_items = list(items.filter(state=RunItem.State.FAILED)[:100])
    run.newest_logs = list(run.logs.all()[:100])
    return run


def stage_counts(*, settings: SiteSettings) -> list[dict]:
    """What each stage would work on now. Stage 1 counts keywords. Stages of switched-off modules are not there."""
    counted = []
    on = modules_of(account_id=settings.account_id)
    for stage in STAGES:
        if not on[stage.module]:
            continue
        if stage.number == 1:
            waiting = Keyword.objects.filter(site_id=settings.site_id, status=Keyword.Status.NEW).count()
        else:
            ids = stage.waiting(settings.site_id, settings)
            waiting = ids.count() if isinstance(ids, QuerySet) else len(list(ids))
        counted.append(
            {
                "number": stage.number,
                "name": stage.name,
                "enabled": settings.stage(stage.number)["enabled"],
                "waiting": waiting,
            }
        )
    return counted
