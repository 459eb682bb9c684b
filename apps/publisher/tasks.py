import logging
import time
from datetime import timedelta

from celery import shared_task
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from apps.core.errors import AppError
from apps.core.jobs import GoOnLater, JobCancelled, JobRun, LeaseLost, TemporaryError, retry_delay
from apps.core.models import Job
from apps.core.queues import Queue
from apps.notifications.services import notify
from apps.publisher.models import PublishingRecord
from apps.publisher.services import dispatch
from apps.publisher.services.publishing import content_publish, is_draft, records_fail
from apps.publisher.services.telling import unpublished_tell
from apps.publisher.services.wordpress import TargetFailed

log = logging.getLogger(__name__)
# A worker is killed after an hour: long jobs give it back before.
SHIFT_SECONDS = 20 * 60


@shared_task(queue=Queue.PUBLISH, acks_late=True, time_limit=60, expires=30)
def publish_due() -> None:
    """Starts what is scheduled and due."""
    dispatch.publish_due()


@shared_task(queue=Queue.PUBLISH, acks_late=True, time_limit=600, expires=300)
def tidy_posts() -> None:
    """Deletes drafts that came late at a WordPress."""
    dispatch.posts_tidy()


def run_publish(run: JobRun) -> None:
    """Publishes the articles of a `content.publish` job one by one; one that fails does not hold up the others.

    Where all failed the job has failed, with the first one's reason.
    """
    ids, target = run.payload["content_ids"], run.payload.get("target")
    published, failed, later = [], [], None
    until = time.monotonic() + SHIFT_SECONDS
    # What an earlier shift or try found out for good is not asked again.
    records = PublishingRecord.objects.filter(
        account_id=run.account_id, content_id__in=ids, status=PublishingRecord.Status.FAILED
    ).filter(reference__in=[_reference(run, i) for i in ids])
    known = dict(records.values_list("content_id", "error"))
    for number, content_id in enumerate(ids):
        run.progress(number, len(ids), "Publishing")
        if time.monotonic() > until:
            raise GoOnLater  # what is done is found again by its reference
        if content_id in known:
            failed.append({"content_id": content_id, "error": known[content_id]})
            continue
        try:
            result = content_publish(
                account_id=run.account_id,
                content_id=content_id,
                reference=_reference(run, content_id),
                target=target,
                finish=lambda _: run.check(),
            )
        except (LeaseLost, JobCancelled, TemporaryError, OperationalError, InterfaceError):
            raise
        except TargetFailed as error:
            if not error.permanent:
                later = TemporaryError(error.message, retry_after=error.retry_after)
                if error.target_down:
                    _tell_next_try(run, ids, later)
                    raise later from error
                continue  # one that must wait does not hold up the others
            failed.append({"content_id": content_id, "error": error.message})
        except AppError as error:
            failed.append({"content_id": content_id, "error": error.message})
        except Exception:
            log.exception("content %s could not be published by job %s", content_id, run.job.pk)
            sentence = f"Something went wrong on our side. Tell us this job id: {run.job.pk}"
            failed.append({"content_id": content_id, "error": sentence})
        else:
            published.append({"content_id": content_id, **result})
    if later:
        _tell_next_try(run, ids, later)
        raise later
    run.progress(len(ids), len(ids), "", force=True)
    if not published:
        # Kept beside the error: what failed, and why.
        Job.objects.filter(pk=run.job.pk, lease_token=run.token).update(
            result={"published": [], "failed": failed}
        )
        raise AppError(failed[0]["error"])
    with transaction.atomic():
        if drafts := [p["content_id"] for p in published if is_draft(p)]:
            _tell_drafts(run, drafts)
        if out := [p for p in published if not is_draft(p)]:
            _tell_published(run, out)
        if failed:
            _tell_failed(run, [f["content_id"] for f in failed], failed[0]["error"])
        run.finish({"published": published, "failed": failed})


def publish_failed(run: JobRun) -> None:
    """The job as a whole was given up: what it left open has failed."""
    ids = run.payload["content_ids"]
    records = PublishingRecord.objects.filter(
        account_id=run.account_id, content_id__in=ids, reference__in=[_reference(run, i) for i in ids]
    )
    records_fail(records=records, error=run.job.error)
    out = records.filter(status=PublishingRecord.Status.PUBLISHED)
    published = set(out.values_list("content_id", flat=True))
    if left := [i for i in ids if i not in published]:
        _tell_failed(run, left, run.job.error)


def _tell_next_try(run: JobRun, ids: list[int], error: TemporaryError) -> None:
    """Those that wait say until when. The last try is followed by none."""
    if run.job.attempts >= run.job.max_attempts:
        return
    waiting = PublishingRecord.objects.filter(
        account_id=run.account_id,
        content_id__in=ids,
        reference__in=[_reference(run, i) for i in ids],
        status=PublishingRecord.Status.PUBLISHING,
    )
    delay = retry_delay(run.job.attempts, error.retry_after)
    waiting.update(next_try_at=timezone.now() + timedelta(seconds=delay))


def _reference(run: JobRun, content_id: int) -> str:
    return run.payload.get("reference") or f"job:{run.job.pk}:{content_id}"


def _site_id(run: JobRun) -> int | None:
    """The site, where all of it is of one."""
    sites = run.payload.get("site_ids", [])
    return sites[0] if len(sites) == 1 else None


def _tell_published(run: JobRun, published: list[dict]) -> None:
    address = published[0]["external_url"] if len(published) == 1 else ""
    ids = [p["content_id"] for p in published]
    notify(
        account_id=run.account_id,
        site_id=_site_id(run),
        notification_type="content_published",
        severity="success",
        title="Content published",
        message=f"An article is out at {address}" if address else f"{len(published)} articles are out.",
        action_label="View",
        action_url=address if 0 < len(address) <= 300 else "/writer/content",
        metadata={"content_ids": ids[:100], "count": len(ids)},
        event_data={"content_ids": ids},  # who keeps a list of what is out needs all of it
        key=f"published:{run.job.pk}",
    )


def _tell_drafts(run: JobRun, content_ids: list[int]) -> None:
    count = len(content_ids)
    what = f"{count} articles wait as drafts" if count > 1 else "An article waits as a draft"
    notify(
        account_id=run.account_id,
        site_id=_site_id(run),
        notification_type="content_ready_review",
        title="Drafts in WordPress",
        message=f"{what} in WordPress. Publish there what is good.",
        action_label="View content",
        action_url="/writer/content",
        metadata={"content_ids": content_ids[:100], "count": count},
        event_data={"content_ids": content_ids},
        key=f"drafts:{run.job.pk}",
    )


def _tell_failed(run: JobRun, content_ids: list[int], error: str) -> None:
    unpublished_tell(
        account_id=run.account_id,
        site_id=_site_id(run),
        content_ids=content_ids,
        error=error,
        key=f"publish_failed:{run.job.pk}",
    )
