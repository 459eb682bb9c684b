"""The articles, and what they were before."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models

from apps.accounts.models import Sector, Site
from apps.core.errors import Conflict
from apps.core.models import TenantModel, TenantQuerySet
from apps.planner.models import Cluster, ContentType, Structure
from apps.writer.models.tasks import Task


class ContentQuerySet(TenantQuerySet):
    def ours(self) -> Self:
        """Those that are written here: what a site's own posts are is none of automation's business."""
        return self.filter(origin=Content.Origin.IGNY8)


class Content(TenantModel):
    """An article. Publishing reads it; only the target's answer makes it published."""

    handed_over = ("created_by",)

    class Status(models.TextChoices):
        DRAFT = "draft"
        REVIEW = "review"
        APPROVED = "approved"
        PUBLISHED = "published"

    class Origin(models.TextChoices):
        IGNY8 = "igny8"
        WORDPRESS = "wordpress"

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
    origin = models.CharField(
        max_length=9,
        choices=Origin,
        default=Origin.IGNY8,
        help_text="`wordpress`: a post of the site that sync brought in; automation leaves it alone.",
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
    link_problems = models.JSONField(
        default=list,
        blank=True,
        help_text="Links that were removed or do not answer: {url, text, problem}.",
    )
    links_checked_at = models.DateTimeField(null=True, blank=True)
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

    objects = ContentQuerySet.as_manager()

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


class ContentVersion(TenantModel):
    """An article's text as it was after a change; the newest is the article's present one."""

    tenant_site = "content__site_id"

    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
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
    word_count = models.PositiveIntegerField(default=0)
    made_by = models.CharField(
        max_length=254,
        blank=True,
        help_text="A user's address, provider/model, or `wordpress`, `optimizer`, `linker`.",
    )
    prompt_version = models.CharField(
        max_length=40, blank=True, help_text="Of the account's prompt that the model was asked with."
    )
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["content_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["content", "number"], name="content_version")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.content_id}"
