"""Ideas for articles, and the topics that are taken."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower

from apps.accounts.models import Sector, Site
from apps.core.models import TenantModel
from apps.planner.models.keywords import Cluster, Keyword, WorkflowQuerySet
from apps.planner.models.library import Intent


class ContentType(models.TextChoices):
    POST = "post"
    PAGE = "page"
    PRODUCT = "product"
    TAXONOMY_TERM = "taxonomy_term"


class Structure(models.TextChoices):
    ARTICLE = "article"
    GUIDE = "guide"
    COMPARISON = "comparison"
    REVIEW = "review"
    LISTICLE = "listicle"
    LANDING_PAGE = "landing_page"
    PRODUCT_PAGE = "product_page"


class ContentIdea(TenantModel):
    """An article worth writing."""

    class Status(models.TextChoices):
        NEW = "new"
        QUEUED = "queued"
        COMPLETED = "completed"

    COMES_FROM: ClassVar = {
        Status.NEW: [Status.QUEUED],
        Status.QUEUED: [Status.NEW],
        Status.COMPLETED: [],  # set where its article is written
    }

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="ideas")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.SET_NULL, related_name="ideas")
    cluster = models.ForeignKey(
        Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="ideas"
    )
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    content_type = models.CharField(max_length=14, choices=ContentType, default=ContentType.POST)
    structure = models.CharField(max_length=14, choices=Structure, default=Structure.ARTICLE)
    intent = models.CharField(max_length=14, choices=Intent, blank=True)
    primary_keyword = models.CharField(max_length=500, blank=True)
    keywords = models.ManyToManyField(Keyword, blank=True, related_name="ideas")
    outline = models.JSONField(default=list, blank=True)
    word_count = models.PositiveIntegerField(default=1200)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    is_offline_draft = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "idea"
        indexes = [models.Index(fields=["site", "status"], name="idea_site_status")]

    def __str__(self) -> str:
        return self.title


class ClaimedTopic(TenantModel):
    """A topic that a site has taken: by an idea, a task, an article, or a post that stands at its WordPress."""

    class Source(models.TextChoices):
        IDEA = "idea"
        TASK = "task"
        CONTENT = "content"
        POST = "post"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="topics", db_index=False)
    source = models.CharField(max_length=7, choices=Source)
    source_id = models.BigIntegerField(help_text="Of a post: its id at WordPress.")
    phrase = models.CharField(max_length=500, help_text="What it wants to be found for.")
    key = models.CharField(max_length=500)
    title = models.CharField(max_length=300)
    url = models.CharField(max_length=600, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "topic"
        constraints = [models.UniqueConstraint(fields=["site", "source", "source_id"], name="topic_once")]
        indexes = [
            models.Index(fields=["site", "key"], name="topic_site_key"),
            # With the site in it: a common word of all sites together would be slow in each of them.
            GinIndex("site_id", OpClass("key", "gin_trgm_ops"), name="topic_key_trgm"),
            models.Index(models.F("site"), Lower("title"), name="topic_site_title"),
        ]

    def __str__(self) -> str:
        return self.phrase
