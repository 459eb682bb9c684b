"""What went out, where, and how it went."""

from django.db import models

from apps.accounts.models import Site
from apps.core.models import TenantModel
from apps.writer.models import Content, Image


class Target(models.TextChoices):
    HOSTED = "hosted"
    WORDPRESS = "wordpress"


class PublishingRecord(TenantModel):
    """One publication of a content: made when it was asked for, kept as its history."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PUBLISHING = "publishing"
        PUBLISHED = "published"
        FAILED = "failed"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="publishing_records")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="publishing_records")
    target = models.CharField(max_length=10, choices=Target)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reference = models.CharField(max_length=100, help_text="Who asked: a job or a run's item. Asked twice, one record.")
    attempts = models.PositiveSmallIntegerField(default=0)
    external_id = models.CharField(max_length=60, blank=True)
    external_url = models.URLField(max_length=600, blank=True)
    fields = models.JSONField(default=dict, help_text="By field: kept, changed or dropped.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["content", "reference"], name="publishing_record_once")]
        indexes = [models.Index(fields=["site", "-id"], name="publishing_record_site")]

    def __str__(self) -> str:
        return f"{self.content_id} to {self.target}: {self.status}"


class HostedPage(TenantModel):
    """A published page of a hosted site: a copy as it was approved, so that a later draft is not seen before its time."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="pages")
    content = models.OneToOneField(Content, on_delete=models.CASCADE, related_name="hosted_page")
    slug = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    html = models.TextField()
    excerpt = models.TextField(blank=True)
    meta_title = models.CharField(max_length=200, blank=True)
    meta_description = models.CharField(max_length=400, blank=True)
    categories = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    featured_image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")
    content_hash = models.CharField(max_length=64)
    published_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-published_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["site", "slug"], name="hosted_page_slug")]

    def __str__(self) -> str:
        return self.title
