"""Articles to be written."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from apps.accounts.models import Sector, Site
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
