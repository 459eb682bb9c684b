"""What a model has answered for an article that is not stored yet."""

from django.db import models

from apps.core.models import TenantModel
from apps.writer.models.tasks import Task


class DraftPart(TenantModel):
    """One answer of a model for a task: who begins again after a crash finds it, and pays no provider twice."""

    tenant_site = "task__site_id"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="parts")
    key = models.CharField(max_length=64, help_text="The question: of another one it is no answer.")
    function = models.CharField(max_length=40)
    data = models.JSONField()
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0, help_text="USD.")
    prompt_version = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["task_id", "id"]
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="draft_part_once")]

    def __str__(self) -> str:
        return f"{self.function} of task {self.task_id}"
