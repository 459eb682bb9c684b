"""The seven stages: what each one works on, and the one service call that does an item.

Every call is exactly once by its `reference` and ends the item in the transaction that stores its result.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Sum

from apps.automation.models import Run
from apps.automation.services.approval import approved_by, content_to_approve
from apps.core.errors import Conflict, NotFound
from apps.integration.models import SiteSettings
from apps.intelligence.services import concurrency
from apps.notifications.services.webhooks import event_send
from apps.planner.models import Cluster, ContentIdea, Keyword
from apps.planner.services.clusters import clusters_build
from apps.planner.services.ideas import ideas_generate
from apps.publisher.services.publishing import content_publish, content_schedule, is_draft
from apps.system.services.modules import modules_of
from apps.writer.models import Content, Image, Task
from apps.writer.services.generation import content_generate
from apps.writer.services.images import AlreadyMade, image_generate, image_prompts_generate
from apps.writer.services.tasks import tasks_create_from_ideas
from apps.writer.services.workflow import content_approve, content_send_to_review

Finish = Callable[[dict], None]


@dataclass(frozen=True, slots=True)
class Work:
    """One item in hand. `reference` names it forever; `finish` ends it in the storing transaction."""

    run: Run
    settings: SiteSettings
    stage: dict
    object_id: int
    reference: str
    finish: Finish

    @property
    def common(self) -> dict:
        return {"account_id": self.run.account_id, "finish": self.finish}

    @property
    def paid(self) -> dict:
        return {
            **self.common,
            "reference": self.reference,
            "testing": self.stage["use_testing"],
            "user_id": self.run.user_id,
            "run_id": self.run.pk,
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """`waiting` are the ids it would work on now; `kind` sizes its threads: None works one after the other.

    An account that has switched its `module` off has no such stage.
    """

    number: int
    name: str
    module: str
    waiting: Callable[[int, SiteSettings], Iterable[int]]
    work: Callable[[Work], dict]
    kind: str | None = None

    def threads(self, account_id: int, site_id: int) -> int:
        return concurrency(kind=self.kind, account_id=account_id, site_ids=[site_id]) if self.kind else 1


def _ids(queryset: QuerySet, *order: str) -> QuerySet:
    return queryset.order_by(*order).values_list("pk", flat=True)


def _sites_with_new_keywords(site_id: int, settings: SiteSettings) -> list[int]:
    """Keywords are clustered together, so the site is the one item."""
    return [site_id] if Keyword.objects.filter(site_id=site_id, status=Keyword.Status.NEW).exists() else []


def _new_clusters(site_id: int, settings: SiteSettings) -> QuerySet:
    rows = Cluster.objects.filter(site_id=site_id, status=Cluster.Status.NEW, is_hub=False)
    # Of one whose keywords are all disabled nothing can be made, in no run.
    used = Keyword.objects.filter(cluster=OuterRef("pk")).exclude(status=Keyword.Status.DISABLED)
    rows = rows.filter(Exists(used))
    # The clusters that most people search for first: a limit must not cut off the best.
    return (
        rows.annotate(volume=Sum("keywords__volume")).order_by("-volume", "pk").values_list("pk", flat=True)
    )


def _new_ideas(site_id: int, settings: SiteSettings) -> QuerySet:
    return _ids(ContentIdea.objects.filter(site_id=site_id, status=ContentIdea.Status.NEW), "pk")


def _queued_tasks(site_id: int, settings: SiteSettings) -> QuerySet:
    return _ids(Task.objects.waiting().filter(site_id=site_id), "pk")


def _content_without_prompts(site_id: int, settings: SiteSettings) -> QuerySet:
    return _ids(
        Content.objects.ours().filter(site_id=site_id, status=Content.Status.DRAFT, images_planned=False),
        "pk",
    )


def _pending_images(site_id: int, settings: SiteSettings) -> QuerySet:
    return _ids(
        Image.objects.filter(
            site_id=site_id,
            status=Image.Status.PENDING,
            content__status=Content.Status.DRAFT,
            content__origin=Content.Origin.IGNY8,
        ),
        "content_id",
        "kind",
        "position",
    )


def _content_in_review(site_id: int, settings: SiteSettings) -> Iterable[int]:
    if not settings.auto_approval_enabled:
        return []
    return _ids(content_to_approve(settings=settings), "pk")


def _cluster(work: Work) -> dict:
    return clusters_build(
        site_id=work.object_id,
        limit=work.stage["per_run_limit"],
        # Nobody is there who would name the clusters better, so a run asks the model.
        polish_names=True,
        naming_batch=work.stage["batch_size"],
        **work.paid,
    )


def _ideas(work: Work) -> dict:
    return ideas_generate(cluster_id=work.object_id, **work.paid)


def _tasks(work: Work) -> dict:
    return tasks_create_from_ideas(idea_ids=[work.object_id], **work.common)


def _content(work: Work) -> dict:
    return content_generate(task_id=work.object_id, **work.paid)


def _prompts(work: Work) -> dict:
    return image_prompts_generate(
        content_id=work.object_id,
        style=work.settings.image_style,
        max_images=work.settings.max_images,
        **work.paid,
    )


def _image(work: Work) -> dict:
    try:
        return image_generate(image_id=work.object_id, **work.paid)
    except AlreadyMade:  # by a job beside the run: what the stage wanted is there
        return {"image_id": work.object_id, "credits": 0}


def _approve(work: Work) -> dict:
    """Approves, then publishes: at once where the site sets neither slots nor limits, else in its next free slot."""
    account_id, settings = work.run.account_id, work.settings
    publishes = settings.auto_publish_enabled and modules_of(account_id=account_id)["publisher"]
    # It may have been edited since the stage began.
    review = Content.objects.filter(pk=work.object_id, status=Content.Status.REVIEW)
    if review.exists() and not content_to_approve(settings=settings).filter(pk=work.object_id).exists():
        raise Conflict(
            "The article no longer has what the site’s approval rules ask for; it stays in review."
        )
    content_approve(
        account_id=account_id,
        content_id=work.object_id,
        by=approved_by(settings),
        finish=None if publishes else work.finish,
    )
    if not publishes:
        return {"content_id": work.object_id}
    limits = settings.daily_publish_limit or settings.weekly_publish_limit or settings.monthly_publish_limit
    if settings.publish_time_slots or limits:
        return content_schedule(content_id=work.object_id, **work.common)

    def published(result: dict) -> None:
        work.finish(result)
        if not is_draft(result):
            published_tell(work.run, result, content_id=work.object_id, reference=work.reference)

    return content_publish(
        account_id=account_id, content_id=work.object_id, reference=work.reference, finish=published
    )


def published_tell(run: Run, result: dict, *, content_id: int, reference: str) -> None:
    """The account's endpoints hear of an article that a run has put out, as of one that a job has. In the app the
    run's own end tells it."""
    event_send(
        account_id=run.account_id,
        event="content.published",
        site_id=run.site_id,
        data={
            "content_ids": [content_id],
            "count": 1,
            "run_id": run.pk,
            "title": "Content published",
            "message": f"An article is out at {result['external_url']}",
            "url": result["external_url"],
        },
        key=f"published:{reference}",
    )


STAGES = (
    Stage(1, "Keywords to clusters", "planner", _sites_with_new_keywords, _cluster),
    Stage(2, "Clusters to ideas", "planner", _new_clusters, _ideas, "text"),
    Stage(3, "Ideas to tasks", "writer", _new_ideas, _tasks),
    Stage(4, "Tasks to content", "writer", _queued_tasks, _content, "text"),
    Stage(5, "Content to image prompts", "writer", _content_without_prompts, _prompts, "text"),
    Stage(6, "Image prompts to images", "writer", _pending_images, _image, "image"),
    Stage(7, "Review to approved", "writer", _content_in_review, _approve),
)


def content_with_images_to_review(run: Run) -> int:
    """After stage 6: what has its images, or needs none, goes to review. Returns how many."""
    ready = (
        Content.objects.ours()
        .filter(site_id=run.site_id, status=Content.Status.DRAFT, images_planned=True)
        .exclude(images__status__in=[Image.Status.PENDING, Image.Status.FAILED])
    )
    moved = 0
    for content_id in ready.values_list("pk", flat=True):
        # Deleted or moved by hand meanwhile: then there is nothing to send.
        with contextlib.suppress(NotFound, Conflict):
            content_send_to_review(account_id=run.account_id, content_id=content_id)
            moved += 1
    return moved
