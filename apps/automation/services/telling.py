"""What an account is told of a run: the end of each stage that asks a model, as of a job that does the same."""

from django.db.models import Count, Q, Sum

from apps.automation.models import Run, RunItem
from apps.automation.services.stages import Stage
from apps.notifications.services import notify
from apps.notifications.services.webhooks import event_send
from apps.publisher.services.telling import unpublished_tell
from apps.writer.models import Content

PUBLISHING = 7
# Stage -> the type without its end, what it makes, and where that is to be seen.
TOLD = {
    1: ("ai_cluster", "Keywords clustered", "/planner/clusters"),
    2: ("ai_ideas", "Ideas generated", "/planner/ideas"),
    4: ("ai_content", "Content generated", "/writer/content"),
    5: ("ai_prompts", "Image prompts generated", "/writer/images"),
    6: ("ai_images", "Images generated", "/writer/images"),
}


def stage_tell(*, run: Run, stage: Stage) -> tuple[int, int]:
    """Tells once how a stage ended. Returns (done, failed)."""
    counts = RunItem.objects.filter(run=run, stage=stage.number).aggregate(
        done=Count("pk", filter=Q(state=RunItem.State.DONE)),
        failed=Count("pk", filter=Q(state=RunItem.State.FAILED)),
        credits=Sum("credits"),
    )
    done, failed = counts["done"], counts["failed"]
    if stage.number in TOLD and (done or failed):
        kind, title, url = TOLD[stage.number]
        lost = f", {failed} failed" if failed else ""
        notify(
            account_id=run.account_id,
            notification_type=f"{kind}_complete" if done else f"{kind}_failed",
            severity="warning" if done and failed else "success" if done else "error",
            title=title if done else f"{title}: none",
            message=f"The run’s stage “{stage.name}” has ended: {done} done{lost}.",
            action_label="View",
            action_url=url,
            metadata={
                "run_id": run.pk,
                "site_id": run.site_id,
                "count": done,
                "failed": failed,
                "credits": counts["credits"] or 0,
            },
            key=f"run:{run.pk}:stage:{stage.number}",
        )
    if stage.number == PUBLISHING and failed:
        _tell_unpublished(run)
    return done, failed


def _tell_unpublished(run: Run) -> None:
    """Of what a run has approved and could not put out, as a job that publishes tells it."""
    failed = dict(
        RunItem.objects.filter(run=run, stage=PUBLISHING, state=RunItem.State.FAILED)
        .order_by("object_id")
        .values_list("object_id", "error")
    )
    approved = Content.objects.filter(pk__in=failed, status=Content.Status.APPROVED)
    ids = list(approved.order_by("pk").values_list("pk", flat=True))
    if ids:
        unpublished_tell(
            account_id=run.account_id,
            site_id=run.site_id,
            content_ids=ids,
            error=failed[ids[0]],
            key=f"publish_failed:run:{run.pk}",
            run_id=run.pk,
        )


def run_tell_finished(*, run: Run) -> None:
    """The account's endpoints hear of a run's end; in the app the ends of its stages have told it."""
    totals = RunItem.objects.filter(run=run).aggregate(
        done=Count("pk", filter=Q(state=RunItem.State.DONE)),
        failed=Count("pk", filter=Q(state=RunItem.State.FAILED)),
        skipped=Count("pk", filter=Q(state=RunItem.State.SKIPPED)),
        credits=Sum("credits"),
    )
    event_send(
        account_id=run.account_id,
        event="run.finished",
        data={"run_id": run.pk, **totals, "credits": totals["credits"] or 0},
        site_id=run.site_id,
        key=f"run:{run.pk}",
    )
