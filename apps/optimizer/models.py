"""What became of each attempt to improve an article."""

from django.db import models

from apps.accounts.models import Site
from apps.core.models import TenantModel
from apps.writer.models import Content


class Optimization(TenantModel):
    """One attempt, which improved the article or left it as it was. Its score goes by the list of checks `version`."""

    class Status(models.TextChoices):
        IMPROVED = "improved"
        UNCHANGED = "unchanged"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="optimizations")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="optimizations")
    reference = models.CharField(max_length=100, help_text="The paid work that it was.")
    status = models.CharField(max_length=10, choices=Status)
    reason = models.TextField(help_text="What was done, or why nothing was.")
    version = models.CharField(max_length=10, help_text="Of the list of checks.")
    score_before = models.PositiveSmallIntegerField()
    score_after = models.PositiveSmallIntegerField()
    asked = models.JSONField(default=list, help_text="The ids of the checks that asked for a change.")
    before = models.JSONField(default=dict, help_text="The fields that were changed, as they were.")
    after = models.JSONField(default=dict, help_text="The same fields, as they are now.")
    diff = models.TextField(blank=True)
    refused = models.JSONField(default=list, help_text="What the model proposed and was not taken, and why.")
    model = models.CharField(max_length=120, blank=True, help_text="provider/model; empty: nobody was asked.")
    credits = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "reference"], name="optimization_reference")
        ]
        indexes = [models.Index(fields=["content", "-id"], name="optimization_content")]

    def __str__(self) -> str:
        return f"{self.status} {self.content_id}: {self.score_before} → {self.score_after}"
