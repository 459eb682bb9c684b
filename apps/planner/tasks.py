"""The planner's jobs: each does one thing of the services, tells how it ended and ends the job with it."""

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

from django.core.files.storage import default_storage
from django.db import connection, transaction

from apps.billing.services.ledger import AlreadySettled
from apps.core.errors import AppError, Invalid
from apps.core.jobs import JobRun, TemporaryError
from apps.intelligence.services import UpstreamFailed, concurrency
from apps.notifications.services import notify
from apps.planner.keyword_files import CellError, UnreadableKeywordFile
from apps.planner.models import ContentIdea
from apps.planner.services.clusters import clusters_build
from apps.planner.services.ideas import ideas_generate
from apps.planner.services.keywords import keywords_upload

log = logging.getLogger(__name__)


def run_upload(run: JobRun) -> None:
    asked = run.payload

    def finish(result: dict) -> None:
        run.finish(result)
        _tell(
            run,
            "keywords_imported",
            "Keywords imported",
            f"{result['imported']:,} keywords of {asked['name']} were imported, {result['updated']:,} updated, "
            f"{result['skipped']:,} skipped.",
            action=("View keywords", "/planner/keywords"),
            metadata={name: result[name] for name in ("imported", "updated", "skipped", "reasons")},
        )

    try:
        with default_storage.open(asked["path"]) as file:
            keywords_upload(
                account_id=run.account_id,
                site_id=asked["site_id"],
                sector_id=asked["sector_id"],
                file=file,
                name=asked["name"],
                country=asked["country"],
                progress=run.progress,
                finish=finish,
            )
    except FileNotFoundError:
        raise Invalid("file", "The file is not there any more. Upload it again.") from None
    except (UnreadableKeywordFile, CellError) as error:
        raise Invalid("file", str(error)) from None
    default_storage.delete(asked["path"])


def upload_failed(run: JobRun) -> None:
    transaction.on_commit(partial(default_storage.delete, run.payload["path"]))
    _tell_failure(run, "keywords_imported", "Keywords could not be imported", "/planner/keywords")


def run_auto_cluster(run: JobRun) -> None:
    asked = run.payload

    def finish(result: dict) -> None:
        run.finish(result)
        _tell(
            run,
            "ai_cluster_complete",
            "Keywords clustered",
            f"{result['clustered'] + result['unclustered']:,} keywords are in {result['clusters']:,} clusters now.",
            action=("View clusters", "/planner/clusters"),
            metadata=result,
        )

    clusters_build(
        account_id=run.account_id,
        site_id=asked["site_id"],
        sector_id=asked["sector_id"],
        keyword_ids=asked["keyword_ids"],
        granularity=asked["granularity"],
        reference=f"job:{run.job.pk}",
        user_id=run.user_id,
        progress=run.progress,
        finish=finish,
    )


def auto_cluster_failed(run: JobRun) -> None:
    _tell_failure(run, "ai_cluster_failed", "Keywords could not be clustered", "/planner/keywords")


def run_generate_ideas(run: JobRun) -> None:
    """Several clusters at a time. One that fails does not fail the others; what an execution before did, stays."""
    ids = run.payload["cluster_ids"]
    made, settled, failed = 0, [], {}
    credits = 0
    run.progress(0, len(ids), force=True)
    with ThreadPoolExecutor(min(concurrency(kind="text"), len(ids))) as pool:
        futures = {pool.submit(_ideas_of, run, cluster_id): cluster_id for cluster_id in ids}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                try:
                    result = future.result()
                    made += len(result["idea_ids"])
                    credits += result["credits"]
                except AlreadySettled:
                    settled.append(futures[future])
                except UpstreamFailed as error:
                    if error.provider_down and not error.permanent:
                        raise TemporaryError(error.message, retry_after=error.retry_after) from error
                    failed[futures[future]] = error
                except AppError as error:
                    failed[futures[future]] = error
                run.progress(number, len(ids), f"{number} of {len(ids)} clusters")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    made += ContentIdea.objects.filter(cluster_id__in=settled, created_at__gte=run.job.created_at).count()
    if failed and not made:
        raise next(iter(failed.values()))
    result = {
        "ideas": made,
        "clusters": len(ids) - len(failed),
        "credits": credits,
        "failed": [{"cluster_id": pk, "error": failed[pk].message} for pk in sorted(failed)],
    }
    with transaction.atomic():
        run.finish(result)
        _tell(
            run,
            "ai_ideas_complete",
            "Ideas generated",
            f"{made:,} ideas were made of {result['clusters']:,} clusters."
            + (f" {len(failed):,} clusters failed: {result['failed'][0]['error']}" if failed else ""),
            severity="warning" if failed else "success",
            action=("View ideas", "/planner/ideas"),
            metadata={"count": made, "credits": credits, "failed": len(failed)},
        )


def generate_ideas_failed(run: JobRun) -> None:
    _tell_failure(run, "ai_ideas_failed", "Ideas could not be generated", "/planner/clusters")


def _ideas_of(run: JobRun, cluster_id: int) -> dict:
    try:
        return ideas_generate(
            account_id=run.account_id,
            cluster_id=cluster_id,
            reference=f"job:{run.job.pk}:{cluster_id}",
            count=run.payload["count"],
            user_id=run.user_id,
            finish=lambda result: run.check(),
        )
    finally:
        connection.close()


def _tell(
    run: JobRun,
    kind: str,
    title: str,
    message: str,
    *,
    action: tuple[str, str],
    metadata: dict,
    severity: str = "success",
) -> None:
    notify(
        account_id=run.account_id,
        notification_type=kind,
        title=title,
        message=message,
        severity=severity,
        action_label=action[0],
        action_url=action[1],
        metadata={"task_id": str(run.job.pk), **metadata},
        key=f"job:{run.job.pk}",
    )


def _tell_failure(run: JobRun, kind: str, title: str, url: str) -> None:
    code = {"code": run.job.error_code}
    _tell(run, kind, title, run.job.error, action=("Try again", url), metadata=code, severity="error")
