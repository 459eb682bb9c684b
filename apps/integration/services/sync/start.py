"""Beginning a sync: when somebody asks, and by itself at intervals; and how the syncs of a site stand."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import Account
from apps.core.errors import Conflict
from apps.core.jobs import job_start
from apps.core.models import Job
from apps.integration.models import SiteIntegration, SyncedPost, SyncRun, WebhookEvent
from apps.integration.services.sync.notices import failed_send

KIND = "integration.sync"
# Plug-ins change posts past WordPress's dates: now and then every text is read.
DEEP_EVERY = timedelta(days=7)
KEPT = timedelta(days=90)
MAX_ATTEMPTS = 12


def sync_start(
    *,
    integration: SiteIntegration,
    direction: str = SyncRun.Direction.BOTH,
    deep: bool = False,
    user_id: int | None = None,
    by_person: bool = True,
) -> Job:
    """Starts a pass over the WordPress of a connection; while one runs, that one is the answer.

    Raises Conflict for a connection that is switched off.
    """
    if not integration.is_active:
        raise Conflict("The connection is switched off. Turn on is_active, then sync.")
    done = SyncRun.objects.filter(integration=integration, state=SyncRun.State.SUCCEEDED, is_deep=True)
    last_deep = done.aggregate(at=Max("finished_at"))["at"]
    deep = deep or last_deep is None or last_deep < timezone.now() - DEEP_EVERY
    try:
        with transaction.atomic():
            job = job_start(
                kind=KIND,
                account_id=integration.account_id,
                user_id=user_id,
                payload={"integration_id": integration.pk, "direction": direction},
                max_attempts=MAX_ATTEMPTS,
            )
            SyncRun.objects.create(
                account_id=integration.account_id,
                site_id=integration.site_id,
                integration=integration,
                direction=direction,
                is_deep=deep,
                by_person=by_person,
                job_id=job.pk,
                **_left_by_a_first_one(integration, last_deep is None),
            )
            return job
    except IntegrityError:
        running = SyncRun.objects.filter(integration=integration, state=SyncRun.State.RUNNING).first()
        job = running and Job.objects.filter(pk=running.job_id).first()
        if job is None:
            raise Conflict("A sync of this site has just ended. Start it again.") from None
        return job


def _left_by_a_first_one(integration: SiteIntegration, is_first: bool) -> dict:
    """A first pass that failed half way is gone on with."""
    last = integration.sync_runs.order_by("-pk").first() if is_first else None
    if last is None or not last.is_deep or last.direction == SyncRun.Direction.PUSH:
        return {}
    return {"cursor": last.cursor, "counts": last.counts}


def sync_due(limit: int = 20) -> int:
    """Starts a pull of each connection that was not looked at for WORDPRESS_SYNC_HOURS. Returns how many."""
    before = timezone.now() - timedelta(hours=settings.WORDPRESS_SYNC_HOURS)
    due = (
        SiteIntegration.objects.filter(
            is_active=True, status=SiteIntegration.Status.CONNECTED, account__status=Account.Status.ACTIVE,
            site__is_active=True,
        )
        .exclude(account__disabled_modules__contains=["integration"])
        .annotate(last=Coalesce(Max("sync_runs__started_at"), "created_at"))
        .filter(last__lt=before)
        .exclude(sync_runs__state=SyncRun.State.RUNNING)
        .order_by("last")
    )  # fmt: skip
    started = list(due[:limit])
    for integration in started:
        sync_start(integration=integration, direction=SyncRun.Direction.PULL, by_person=False)
    return len(started)


def sync_failed(*, job_id, error: str) -> None:
    """Ends the pass of a job that was given up. Part of the caller's transaction."""
    for sync in SyncRun.objects.select_for_update().filter(job_id=job_id, state=SyncRun.State.RUNNING):
        sync.state, sync.error, sync.finished_at = SyncRun.State.FAILED, error, timezone.now()
        sync.save(update_fields=["state", "error", "finished_at"])
        failed_send(sync)


def sync_forget() -> None:
    """Forgets passes and events that ended long ago."""
    before = timezone.now() - KEPT
    SyncRun.objects.filter(finished_at__lt=before).delete()
    WebhookEvent.objects.filter(received_at__lt=before).exclude(state=WebhookEvent.State.PENDING).delete()


def sync_status(*, integration: SiteIntegration) -> dict | None:
    """The newest pass and how far it is; None before the first."""
    sync = integration.sync_runs.order_by("-pk").first()
    if sync is None:
        return None
    job = Job.objects.filter(pk=sync.job_id).first()
    done, total = sync.cursor.get("done", 0), max(sync.cursor.get("total", 0), sync.cursor.get("done", 0))
    succeeded = sync.state == SyncRun.State.SUCCEEDED
    return {
        "sync_id": sync.pk,
        "task_id": sync.job_id,
        "direction": sync.direction,
        "state": sync.state,
        "deep": sync.is_deep,
        "progress": {
            "current": done,
            "total": total,
            "percent": 100 if succeeded else done * 100 // total if total else 0,
            "message": job.message if job and not succeeded else "",
        },
        "counts": sync.counts,
        "error": sync.error,
        "started_at": sync.started_at,
        "finished_at": sync.finished_at,
    }


def sync_health(*, integration: SiteIntegration) -> dict:
    """How a connection's syncs are: a word, counts, the last success and how long ago it was in seconds."""
    counts = SyncedPost.objects.filter(integration=integration).aggregate(
        posts=Count("pk"),
        ours=Count("pk", filter=Q(content__origin="igny8")),
        from_wordpress=Count("pk", filter=Q(content__origin="wordpress")),
        ignored=Count("pk", filter=Q(content=None)),
        conflicts=Count("pk", filter=Q(conflict_at__isnull=False)),
    )
    runs = integration.sync_runs.all()
    good = runs.filter(state=SyncRun.State.SUCCEEDED).order_by("-pk").first()
    bad = runs.filter(state=SyncRun.State.FAILED)
    failures = bad.filter(pk__gt=good.pk).count() if good else bad.count()
    events = integration.webhook_events.aggregate(
        pending=Count("pk", filter=Q(state="pending")), failed=Count("pk", filter=Q(state="failed"))
    )
    age = int((timezone.now() - good.finished_at).total_seconds()) if good else None
    last_bad = bad.order_by("-pk").first()
    return {
        "status": _word(age, failures, counts["conflicts"]),
        "counts": counts,
        "last_success_at": good.finished_at if good else None,
        "age_seconds": age,
        "conflicts": counts["conflicts"],
        "failures": failures,
        "last_error": last_bad.error if failures and last_bad else "",
        "webhooks": {
            **events,
            "last_received_at": integration.webhook_events.aggregate(at=Max("received_at"))["at"],
        },
    }


def _word(age: int | None, failures: int, conflicts: int) -> str:
    if failures:
        return "failing"
    if age is None:
        return "never_synced"
    if age > 2 * 3600 * settings.WORDPRESS_SYNC_HOURS:
        return "stale"
    return "conflicts" if conflicts else "healthy"


def debug_status(*, integration: SiteIntegration) -> dict:
    """What somebody looks at who wants to know why a site does not sync: the last passes, events and posts in doubt."""
    runs = integration.sync_runs.order_by("-pk")[:10]
    events = integration.webhook_events.order_by("-pk")[:20]
    structure = getattr(integration, "structure", None)
    states = integration.synced_posts.values_list("post_type", "remote_status").annotate(n=Count("pk"))
    return {
        "connection": {
            "status": integration.status,
            "last_error": integration.last_error,
            "last_tested_at": integration.last_tested_at,
            "rest_root": integration.rest_root,
            "is_active": integration.is_active,
        },
        "structure_fetched_at": structure.fetched_at if structure else None,
        "health": sync_health(integration=integration),
        "posts": [
            {"post_type": kind, "status": status or "unknown", "count": n} for kind, status, n in states.order_by(
                "post_type", "remote_status")
        ],
        "runs": [
            {
                "sync_id": r.pk, "direction": r.direction, "state": r.state, "deep": r.is_deep, "cursor": r.cursor,
                "counts": r.counts, "error": r.error, "started_at": r.started_at, "finished_at": r.finished_at,
            }
            for r in runs
        ],
        "events": [
            {
                "event_id": e.event_id, "event": e.event, "post_id": e.post_id, "state": e.state, "error": e.error,
                "signed": e.is_signed, "occurred_at": e.occurred_at, "received_at": e.received_at,
                "handled_at": e.handled_at,
            }
            for e in events
        ],
    }  # fmt: skip
