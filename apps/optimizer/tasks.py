"""What the jobs of the optimizer do: the functions that settings.JOB_KINDS names."""

import logging

from django.db import transaction

from apps.core.jobs import JobRun
from apps.intelligence.services import concurrency
from apps.intelligence.services.side_by_side import still_wanted, waiting_for_provider, work_side_by_side
from apps.optimizer.models import Optimization
from apps.optimizer.services.optimizing import content_optimize
from apps.writer.models import Content

log = logging.getLogger(__name__)


def run_optimize(run: JobRun) -> None:
    """Improves the article `content_id`. Result: optimization_id, content_id, status, reason, score_before,
    score_after, before, after, diff, refused, credits."""

    def finish(row: Optimization) -> None:
        run.finish(
            {
                **_summary(row),
                "before": row.before,
                "after": row.after,
                "diff": row.diff,
                "refused": row.refused,
            }
        )

    content_id = run.payload["content_id"]
    with waiting_for_provider():
        row = content_optimize(
            account_id=run.account_id,
            content_id=content_id,
            reference=f"job:{run.job.pk}:{content_id}",
            user_id=run.user_id,
            finish=finish,
        )
    if not run.finished:
        finish(row)


def run_batch_optimize(run: JobRun) -> None:
    """Improves the articles of `content_ids`. Result: results (as of one, the texts by their optimization_id),
    improved, unchanged, failed [{content_id, error}], credits."""
    ids = run.payload["content_ids"]

    def work(content_id: int) -> Optimization:
        return content_optimize(
            account_id=run.account_id,
            content_id=content_id,
            reference=f"job:{run.job.pk}:{content_id}",
            user_id=run.user_id,
            finish=lambda _: still_wanted(run),
        )

    sites = set(
        Content.objects.filter(account_id=run.account_id, pk__in=ids).values_list("site_id", flat=True)
    )
    workers = concurrency(kind="text", account_id=run.account_id, site_ids=sites)
    done, failed = work_side_by_side(run, ids, work, workers=workers, verb="articles optimized")
    if not done:
        raise next(iter(failed.values()))
    improved = sum(row.status == Optimization.Status.IMPROVED for row in done.values())
    with transaction.atomic():
        run.finish(
            {
                "results": [_summary(done[i]) for i in ids if i in done],
                "improved": improved,
                "unchanged": len(done) - improved,
                "failed": [{"content_id": i, "error": failed[i].message} for i in ids if i in failed],
                "credits": sum(row.credits for row in done.values()),
            }
        )


def optimize_failed(run: JobRun) -> None:
    """Nothing is left to release: each article gave its credits back when it failed. The job says why."""
    log.info("job %s of account %s ended: %s", run.job.pk, run.account_id, run.job.error)


def _summary(row: Optimization) -> dict:
    return {
        "optimization_id": row.pk,
        "content_id": row.content_id,
        "status": row.status,
        "reason": row.reason,
        "score_before": row.score_before,
        "score_after": row.score_after,
        "credits": row.credits,
    }
