"""The planner's jobs: each does one thing of the services, tells how it ended and ends the job with it."""

from functools import partial

from celery import shared_task
from django.core.files.storage import default_storage
from django.db import transaction

from apps.billing.services.ledger import AlreadySettled, credits_settle
from apps.core.errors import Invalid
from apps.core.jobs import JobRun
from apps.core.queues import Queue
from apps.intelligence.services import concurrency
from apps.intelligence.services.side_by_side import still_wanted, work_side_by_side
from apps.notifications.services import notify
from apps.planner.keyword_files import CellError, UnreadableKeywordFile
from apps.planner.models import Cluster, ContentIdea
from apps.planner.services.clusters import clusters_build, clusters_preview
from apps.planner.services.ideas import ideas_generate
from apps.planner.services.keywords import keywords_upload
from apps.planner.services.library_imports import library_import_run

SKIPPED_SHOWN = 500


@shared_task(name="apps.planner.tasks.import_library", queue=Queue.DEFAULT, acks_late=True, time_limit=3600)
def import_library(import_id: int) -> None:
    library_import_run(import_id=import_id)


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
    asked = dict(run.payload)
    preview = asked.pop("preview", False)
    common = {"account_id": run.account_id, "progress": run.progress, **asked}
    if preview:
        del common["polish_names"]
        run.finish(clusters_preview(**common))
        return

    def finish(result: dict) -> None:
        run.finish(result)
        total, alone = result["clustered"] + result["unclustered"], result["unclustered"]
        _tell(
            run,
            "ai_cluster_complete",
            "Keywords clustered",
            f"{total:,} keywords are in {result['clusters']:,} clusters now"
            + (f", {alone:,} of them by themselves." if alone else "."),
            action=("View clusters", "/planner/clusters"),
            metadata=result,
        )

    clusters_build(reference=f"job:{run.job.pk}", user_id=run.user_id, finish=finish, **common)


def auto_cluster_failed(run: JobRun) -> None:
    _tell_failure(run, "ai_cluster_failed", "Keywords could not be clustered", "/planner/keywords")


def run_generate_ideas(run: JobRun) -> None:
    """Several clusters at a time. One that fails does not fail the others; what an execution before did, stays."""
    ids = run.payload["cluster_ids"]
    sites = set(
        Cluster.objects.filter(account_id=run.account_id, pk__in=ids).values_list("site_id", flat=True)
    )
    done, failed = work_side_by_side(
        run,
        ids,
        partial(_ideas_of, run),
        workers=concurrency(kind="text", account_id=run.account_id, site_ids=sites),
        verb="clusters",
    )
    if not done:
        raise next(iter(failed.values()))
    made = sum(len(result["idea_ids"]) for result in done.values())
    credits = sum(result["credits"] for result in done.values())
    skipped = [item for pk in ids if pk in done for item in done[pk]["skipped"]]
    result = {
        "ideas": made,
        "clusters": len(ids) - len(failed),
        "credits": credits,
        "skipped": skipped[:SKIPPED_SHOWN],
        "skipped_count": len(skipped),
        "failed": [{"cluster_id": pk, "error": failed[pk].message} for pk in sorted(failed)],
    }
    with transaction.atomic():
        run.finish(result)
        _tell(
            run,
            "ai_ideas_complete",
            "Ideas generated",
            f"{made:,} ideas were made of {result['clusters']:,} clusters."
            + (f" {len(skipped):,} were left out: the site has their topics already." if skipped else "")
            + (f" {len(failed):,} clusters failed: {result['failed'][0]['error']}" if failed else ""),
            severity="warning" if failed else "success",
            action=("View ideas", "/planner/ideas"),
            metadata={"count": made, "credits": credits, "skipped": len(skipped), "failed": len(failed)},
        )


def generate_ideas_failed(run: JobRun) -> None:
    _tell_failure(run, "ai_ideas_failed", "Ideas could not be generated", "/planner/clusters")


def _ideas_of(run: JobRun, cluster_id: int) -> dict:
    reference = f"job:{run.job.pk}:{cluster_id}"
    try:
        return ideas_generate(
            account_id=run.account_id,
            cluster_id=cluster_id,
            reference=reference,
            count=run.payload["count"],
            allow_duplicate=run.payload.get("allow_duplicate", False),
            user_id=run.user_id,
            finish=lambda _: still_wanted(run),
        )
    except AlreadySettled:
        ideas = ContentIdea.objects.filter(cluster_id=cluster_id, created_at__gte=run.job.created_at)
        return {
            "idea_ids": list(ideas.values_list("pk", flat=True)),
            "skipped": [],  # told by the execution that was cut off
            "credits": credits_settle(account_id=run.account_id, reference=reference, used=0),
        }


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
        site_id=run.payload.get("site_id"),
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
