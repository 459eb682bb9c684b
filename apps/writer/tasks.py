"""What the jobs of the writer do: the functions that settings.JOB_KINDS names."""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.jobs import JobRun
from apps.intelligence.services import concurrency
from apps.intelligence.services.side_by_side import still_wanted, waiting_for_provider, work_side_by_side
from apps.notifications.services import notify
from apps.writer.models import Content, Image, Task
from apps.writer.services.generation import content_generate
from apps.writer.services.images import AlreadyMade, image_generate, image_prompts_generate
from apps.writer.services.links import links_check


def run_generate_content(run: JobRun) -> None:
    """Has the articles of `task_ids` written. Result: content_ids, failed [{task_id, error}], credits."""
    ids = run.payload["task_ids"]

    def write(task_id: int) -> dict:
        return content_generate(
            account_id=run.account_id,
            task_id=task_id,
            reference=f"job:{run.job.pk}:{task_id}",
            user_id=run.user_id,
            wanted=lambda: still_wanted(run),
            finish=lambda _: still_wanted(run),
        )

    sites = set(Task.objects.filter(account_id=run.account_id, pk__in=ids).values_list("site_id", flat=True))
    workers = concurrency(kind="text", account_id=run.account_id, site_ids=sites)
    done, failed = work_side_by_side(run, ids, write, workers=workers, verb="articles written")
    if not done:
        raise next(iter(failed.values()))
    credits = sum(result["credits"] for result in done.values())
    result = {
        "content_ids": [done[i]["content_id"] for i in ids if i in done],
        "failed": [{"task_id": i, "error": failed[i].message} for i in ids if i in failed],
        "credits": credits,
    }
    lost = f"; {len(failed)} failed" if failed else ""
    with transaction.atomic():
        run.finish(result)
        _tell(
            run,
            "ai_content_complete",
            severity="warning" if failed else "success",
            title="Content generated",
            message=f"{_count(len(done), 'article')} written{lost}.",
            action_label="View content",
            action_url="/writer/content",
            metadata={"count": len(done), "failed": len(failed), "credits": credits},
        )


def generate_content_failed(run: JobRun) -> None:
    """Nothing more will be tried: the tasks that have no article say why."""
    # One that another job or a run is writing now is not ours.
    ours = Q(status=Task.Status.IN_PROGRESS, writing_reference__startswith=f"job:{run.job.pk}:")
    Task.objects.filter(
        Q(status=Task.Status.QUEUED) | ours,
        account_id=run.account_id,
        pk__in=run.payload["task_ids"],
        content__isnull=True,
    ).update(status=Task.Status.FAILED, error=run.job.error, updated_at=timezone.now())
    written = Content.objects.filter(task_id__in=run.payload["task_ids"]).count()
    kept = f" {_count(written, 'article')} had been written before." if written else ""
    _tell(
        run,
        "ai_content_failed",
        severity="error",
        title="Content was not generated",
        message=f"{run.job.error[:800]}{kept}",
        action_label="View tasks",
        action_url="/writer/tasks",
    )


def run_check_links(run: JobRun) -> None:
    """Asks the addresses that an article links to. Result: checked, problems [{url, text, problem}]."""
    run.finish(links_check(account_id=run.account_id, content_id=run.payload["content_id"]))


def check_links_failed(run: JobRun) -> None:
    """Nothing was taken, and the article says when its links were checked last."""


def run_generate_images(run: JobRun) -> None:
    """Makes the images that an article lacks, and their prompts first where there are none.

    Result: image_ids (all that the article has now), failed [{image_id, error}], credits.
    """
    content_id = run.payload["content_id"]
    described = Image.objects.filter(content_id=content_id).exists()

    def prompts_made(result: dict) -> None:
        still_wanted(run)
        if not described:
            _tell_prompts(run, content_id, result)

    with waiting_for_provider():
        prompts = image_prompts_generate(
            account_id=run.account_id,
            content_id=content_id,
            reference=f"job:{run.job.pk}:prompts:{content_id}",
            in_article=run.payload.get("in_article"),
            user_id=run.user_id,
            finish=prompts_made,
        )

    def make(image_id: int) -> dict:
        try:
            return image_generate(
                account_id=run.account_id,
                image_id=image_id,
                reference=f"job:{run.job.pk}:{image_id}",
                user_id=run.user_id,
                finish=lambda _: still_wanted(run),
            )
        except AlreadyMade:
            # Another job or a run was faster: the article has the image, which is what was asked for.
            return {"image_id": image_id, "credits": 0}

    images = Image.objects.filter(content_id=content_id)
    missing = list(images.exclude(status=Image.Status.GENERATED).values_list("pk", flat=True))
    site = Content.objects.filter(pk=content_id).values_list("site_id", flat=True)
    workers = concurrency(kind="image", account_id=run.account_id, site_ids=site)
    done, failed = work_side_by_side(run, missing, make, workers=workers, verb="images made")
    if failed and not done:
        raise next(iter(failed.values()))
    credits = prompts["credits"] + sum(result["credits"] for result in done.values())
    with transaction.atomic():
        run.finish(
            {
                "image_ids": list(images.filter(status=Image.Status.GENERATED).values_list("pk", flat=True)),
                "failed": [{"image_id": i, "error": failed[i].message} for i in missing if i in failed],
                "credits": credits,
            }
        )
        _tell_images(run, content_id, len(done), len(failed), credits)


def generate_images_failed(run: JobRun) -> None:
    _tell_images_failed(run, run.payload["content_id"])


def run_regenerate_image(run: JobRun) -> None:
    """Makes one image anew; the old one stays until then. Result: image_id, credits."""
    image_id = run.payload["image_id"]
    content_id = Image.objects.filter(pk=image_id).values_list("content_id", flat=True).first()

    def finish(result: dict) -> None:
        run.finish(result)
        _tell_images(run, content_id, 1, 0, result["credits"])

    with waiting_for_provider():
        image_generate(
            account_id=run.account_id,
            image_id=image_id,
            reference=f"job:{run.job.pk}:{image_id}",
            prompt=run.payload.get("prompt"),
            anew=True,
            user_id=run.user_id,
            finish=finish,
        )


def regenerate_image_failed(run: JobRun) -> None:
    image = Image.objects.filter(pk=run.payload["image_id"]).only("content_id").first()
    _tell_images_failed(run, image.content_id if image else None)


def _tell_images(run: JobRun, content_id: int, made: int, failed: int, credits: int) -> None:
    if not made and not failed:
        return
    lost = f"; {failed} failed" if failed else ""
    _tell(
        run,
        "ai_images_complete",
        severity="warning" if failed else "success",
        title="Images generated",
        message=f"{_count(made, 'image')} made{lost}.",
        action_label="View images",
        action_url=f"/writer/content/{content_id}",
        metadata={"content_id": content_id, "count": made, "failed": failed, "credits": credits},
    )


def _tell_prompts(run: JobRun, content_id: int, result: dict) -> None:
    count = len(result["image_ids"])
    _tell(
        run,
        "ai_prompts_complete",
        key=f"job:{run.job.pk}:prompts",
        severity="success",
        title="Image prompts generated",
        message=f"{_count(count, 'image')} {'is' if count == 1 else 'are'} described and will be made now.",
        action_label="View images",
        action_url=f"/writer/content/{content_id}",
        metadata={"content_id": content_id, "count": count, "credits": result["credits"]},
    )


def _tell_images_failed(run: JobRun, content_id: int | None) -> None:
    described = Image.objects.filter(content_id=content_id).exists()
    _tell(
        run,
        "ai_images_failed" if described else "ai_prompts_failed",
        severity="error",
        title="Images were not generated" if described else "Image prompts were not generated",
        message=run.job.error[:900],
        action_label="View images",
        action_url=f"/writer/content/{content_id}" if content_id else "/writer/images",
        metadata={"content_id": content_id},
    )


def _tell(run: JobRun, notification_type: str, **fields) -> None:
    metadata = {"task_id": str(run.job.pk), **fields.pop("metadata", {})}
    key = fields.pop("key", f"job:{run.job.pk}")
    notify(
        account_id=run.account_id,
        notification_type=notification_type,
        user_id=run.user_id,
        metadata=metadata,
        key=key,
        **fields,
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
