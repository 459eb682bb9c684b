"""The pictures of articles."""

from django.db import models

from apps.accounts.models import Site
from apps.core.models import TenantModel
from apps.writer.models.content import Content


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
    variants = models.JSONField(
        default=list,
        blank=True,
        help_text="Smaller ones and other formats: {size, format, file, width, height, bytes}.",
    )
    model = models.CharField(max_length=120, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["content_id", "kind", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["content", "kind", "position"], name="image_once")]
        indexes = [models.Index(fields=["site", "status"], name="image_site_status")]

    @property
    def files(self) -> list[str]:
        """The names in the storage of all that was made of it."""
        return [name for name in (self.file.name, *(row["file"] for row in self.variants)) if name]

    def __str__(self) -> str:
        return f"{self.kind} {self.position} of {self.content_id}"
