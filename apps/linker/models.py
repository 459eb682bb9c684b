"""The links that passes have put into articles."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.accounts.models import Site
from apps.core.models import TenantModel
from apps.writer.models import Content


class LinkPass(TenantModel):
    """What one pass over an article did to it, so that it can be undone."""

    handed_over = ("user",)

    class Status(models.TextChoices):
        APPLIED = "applied"
        UNDONE = "undone"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="link_passes")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="link_passes")
    status = models.CharField(max_length=8, choices=Status, default=Status.APPLIED)
    reference = models.CharField(max_length=150, help_text="Who asked. Asked twice, one pass.")
    hash_before = models.CharField(max_length=64, help_text="SHA-256 of the HTML before the links.")
    hash_after = models.CharField(max_length=64, help_text="And with them.")
    model = models.CharField(
        max_length=120, blank=True, help_text="Who chose: provider/model; empty: nobody asked."
    )
    credits = models.PositiveIntegerField(default=0)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_by = models.CharField(max_length=254, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "link passes"
        constraints = [models.UniqueConstraint(fields=["account", "reference"], name="link_pass_once")]
        indexes = [models.Index(fields=["site", "-id"], name="link_pass_site")]

    def __str__(self) -> str:
        return f"pass {self.pk} of {self.content_id}"


class Link(TenantModel):
    """One link of a pass: exactly what was put in, and where."""

    class Status(models.TextChoices):
        STANDING = "standing"
        REMOVED = "removed"
        LOST = "lost"

    class Reason(models.TextChoices):
        KEYWORD = "keyword"
        MEANING = "meaning"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="links")
    link_pass = models.ForeignKey(LinkPass, on_delete=models.CASCADE, related_name="links")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="links_out")
    target = models.ForeignKey(Content, null=True, on_delete=models.SET_NULL, related_name="links_in")
    url = models.URLField(max_length=600)
    anchor = models.TextField(help_text="What is read of it.")
    opening = models.TextField(help_text="The tag that was put before the anchor.")
    inner = models.TextField(help_text="The source of the anchor, as it stood.")
    offset = models.PositiveIntegerField(
        help_text="Characters before it, in the HTML with all links of the pass."
    )
    keyword = models.CharField(
        max_length=500, blank=True, help_text="The target's phrase that it was found by."
    )
    reason = models.CharField(max_length=7, choices=Reason)
    score = models.FloatField()
    status = models.CharField(
        max_length=8,
        choices=Status,
        default=Status.STANDING,
        help_text="`removed` by an undo, which found it; `lost`: it had been changed or removed before.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-link_pass_id", "offset"]
        constraints = [
            models.UniqueConstraint(
                fields=["link_pass", "target"], condition=~Q(target=None), name="link_once_a_target"
            )
        ]
        indexes = [models.Index(fields=["site", "-link_pass", "offset"], name="link_site")]

    def __str__(self) -> str:
        return f"{self.anchor} → {self.url}"
