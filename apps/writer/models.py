"""Writing tasks, the articles, and their images."""

import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.accounts.models import Sector, Site
from apps.core.errors import Conflict
from apps.core.models import TenantModel
from apps.planner.models import Cluster, ContentIdea, ContentType, Keyword, Structure, WorkflowQuerySet

# Longer than any model writes: whoever began before that is gone.
WRITING_TIME = timedelta(minutes=30)


class TaskQuerySet(WorkflowQuerySet):
    def being_written(self) -> Self:
        """Those that somebody has in hand now; one that was left behind half done is free again."""
        return self.filter(_being_written())

    def waiting(self) -> Self:
        """Those to be written: queued, or left behind by a writer that is gone."""
        left = models.Q(status=Task.Status.IN_PROGRESS) & ~_being_written()
        return self.filter(models.Q(status=Task.Status.QUEUED) | left)

    def free_for(self, reference: str) -> Self:
        """Those that the work of this reference may begin, again too. By the columns of the task alone: these are
        checked again on a row that another writer has just changed; a join is not."""
        return self.exclude(status=Task.Status.COMPLETED).filter(
            ~_being_written() | models.Q(writing_reference=reference)
        )

    def may_move(self, status: str) -> models.Q:
        """What is completed goes back only when its article is gone."""
        return super().may_move(status) & ~models.Q(status=Task.Status.COMPLETED, content__isnull=False)


def _being_written() -> models.Q:
    return models.Q(status=Task.Status.IN_PROGRESS, writing_since__gt=timezone.now() - WRITING_TIME)


class Task(TenantModel):
    """An article to be written."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        FAILED = "failed"

    # By hand; the other states are set where the article is written.
    COMES_FROM: ClassVar = {
        Status.QUEUED: [Status.FAILED, Status.COMPLETED],
        Status.IN_PROGRESS: [],
        Status.COMPLETED: [],
        Status.FAILED: [],
    }

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="tasks")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    cluster = models.ForeignKey(
        Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks"
    )
    idea = models.OneToOneField(
        ContentIdea, null=True, blank=True, on_delete=models.SET_NULL, related_name="task"
    )
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    content_type = models.CharField(max_length=14, choices=ContentType, default=ContentType.POST)
    structure = models.CharField(max_length=14, choices=Structure, default=Structure.ARTICLE)
    keywords = models.ManyToManyField(Keyword, blank=True, related_name="tasks")
    outline = models.JSONField(default=list, blank=True)
    word_count = models.PositiveIntegerField(default=1200)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    writing_reference = models.CharField(
        max_length=100, blank=True, help_text="The paid work that began to write it last."
    )
    writing_since = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["site", "status"], name="task_site_status")]

    def __str__(self) -> str:
        return self.title


class Content(TenantModel):
    """An article. Publishing reads it; only the target's answer makes it published."""

    handed_over = ("created_by",)

    class Status(models.TextChoices):
        DRAFT = "draft"
        REVIEW = "review"
        APPROVED = "approved"
        PUBLISHED = "published"

    class SiteStatus(models.TextChoices):
        NOT_PUBLISHED = "not_published"
        SCHEDULED = "scheduled"
        PUBLISHING = "publishing"
        PUBLISHED = "published"
        FAILED = "failed"

    content_key = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Names it at a target."
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="content")
    sector = models.ForeignKey(
        Sector, null=True, blank=True, on_delete=models.SET_NULL, related_name="content"
    )
    cluster = models.ForeignKey(
        Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="content"
    )
    task = models.OneToOneField(
        Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="content"
    )
    title = models.CharField(max_length=300)
    slug = models.CharField(max_length=200)
    html = models.TextField(blank=True)
    excerpt = models.TextField(blank=True)
    meta_title = models.CharField(max_length=200, blank=True)
    meta_description = models.CharField(max_length=400, blank=True)
    primary_keyword = models.CharField(max_length=500, blank=True)
    secondary_keywords = models.JSONField(default=list, blank=True)
    categories = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=list, blank=True)
    content_type = models.CharField(max_length=14, choices=ContentType, default=ContentType.POST)
    structure = models.CharField(max_length=14, choices=Structure, default=Structure.ARTICLE)
    word_count = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    site_status = models.CharField(max_length=14, choices=SiteStatus, default=SiteStatus.NOT_PUBLISHED)
    images_planned = models.BooleanField(default=False, help_text="Its image prompts were made.")
    external_id = models.CharField(max_length=60, blank=True)
    external_url = models.URLField(max_length=600, blank=True)
    scheduled_publish_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    model = models.CharField(
        max_length=120, blank=True, help_text="Who wrote it: provider/model; empty: a person."
    )
    approved_by = models.CharField(
        max_length=120, blank=True, help_text="The user's address, or `automation`."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "content"
        constraints = [models.UniqueConstraint(fields=["site", "slug"], name="content_slug")]
        indexes = [
            models.Index(fields=["site", "status"], name="content_site_status"),
            models.Index(
                fields=["scheduled_publish_at"],
                name="content_due",
                condition=models.Q(site_status="scheduled"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def move_to(self, status: str, *, by: str = "") -> bool:
        """Changes the workflow state, unsaved; False when it is there already. `by` approves it.

        Raises Conflict for a state that is not next to this one, for `published`, which only the target
        sets, while it is scheduled or being published, and for approving what has no text.
        """
        if status == self.status:
            return False
        if status == self.Status.PUBLISHED:
            raise Conflict(
                "An article becomes published when its target has confirmed it. Publish it instead."
            )
        if self.site_status == self.SiteStatus.SCHEDULED:
            raise Conflict("The article is scheduled. Take it off the schedule first.")
        if self.site_status == self.SiteStatus.PUBLISHING:
            raise Conflict("The article is being published right now. Wait until that has ended.")
        if status not in CONTENT_MOVES.get(self.status, ()):
            near = " or ".join(CONTENT_MOVES.get(self.status, ())) or "nothing else by hand"
            raise Conflict(f"An article that is {self.status} can become {near}, not {status}.")
        if status == self.Status.APPROVED and not (self.title.strip() and self.html.strip()):
            raise Conflict("An article without a title and a text can not be approved.")
        self.status = status
        self.approved_by = by if status == self.Status.APPROVED else ""
        return True


CONTENT_MOVES = {
    Content.Status.DRAFT: (Content.Status.REVIEW,),
    Content.Status.REVIEW: (Content.Status.DRAFT, Content.Status.APPROVED),
    Content.Status.APPROVED: (Content.Status.REVIEW,),
}


def image_path(image: "Image", name: str) -> str:
    return f"images/{image.account_id}/{image.content_id}/{name}"


class Image(TenantModel):
    """A picture of an article. `position` counts within its kind; in-article ones stand under that h2."""

    class Status(models.TextChoices):
        PENDING = "pending"
        GENERATED = "generated"
        FAILED = "failed"

    class Kind(models.TextChoices):
        FEATURED = "featured"
        IN_ARTICLE = "in_article"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="images")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="images")
    kind = models.CharField(max_length=10, choices=Kind)
    position = models.PositiveSmallIntegerField(default=0)
    prompt = models.TextField(blank=True)
    alt = models.CharField(max_length=300, blank=True)
    caption = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    file = models.FileField(upload_to=image_path, max_length=300, blank=True)
    mime = models.CharField(max_length=40, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=120, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["content_id", "kind", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["content", "kind", "position"], name="image_once")]
        indexes = [models.Index(fields=["site", "status"], name="image_site_status")]

    def __str__(self) -> str:
        return f"{self.kind} {self.position} of {self.content_id}"
