"""What is crawled, each crawl of it, and what came home. Shared by all accounts: machines fill it, staff look after it.

The row of a run, not the broker's message, is the truth about a crawl.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Source(models.Model):
    """An address that is crawled again and again: a shop's front page (hub), a list, a product, a sitemap."""

    class Type(models.TextChoices):
        HUB = "hub"
        LIST = "list"
        PRODUCT = "product"
        SITEMAP = "sitemap"

    class Strategy(models.TextChoices):
        DEEP = "deep"  # products and all that leads to them
        DISCOVERY = "discovery"  # the categories alone

    class Status(models.TextChoices):
        WAITING = "waiting"
        QUEUED = "queued"
        RUNNING = "running"
        ERROR = "error"  # tried again, later each time
        BROKEN = "broken"  # given up until somebody has looked at it
        DISABLED = "disabled"
        DISCOVERED = "discovered"  # found by a crawl, waits in the backlog to be activated

    url = models.CharField(max_length=2000, unique=True, help_text="Normalised.")
    type = models.CharField(max_length=10, choices=Type, default=Type.HUB)
    site_key = models.CharField(
        max_length=100, help_text="Names the site; also the spider, where it has its own."
    )
    name = models.CharField(max_length=300, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    strategy = models.CharField(max_length=10, choices=Strategy, default=Strategy.DEEP)
    priority = models.PositiveSmallIntegerField(default=50, help_text="1 to 100, 100 the most urgent.")
    refresh_interval_hours = models.PositiveIntegerField(default=24)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    next_sync_at = models.DateTimeField(db_default=Now())
    is_active = models.BooleanField(default=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    error_message = models.TextField(blank=True, help_text="What hinders it now, if anything.")
    failures = models.PositiveIntegerField(default=0, help_text="Runs that failed since the last good one.")
    config = models.JSONField(default=dict, blank=True, help_text="Of its spider: limits, delays, selectors.")
    items_total = models.BigIntegerField(default=0, help_text="Products that it was the first to bring.")
    last_run_new = models.PositiveIntegerField(default=0)
    activated_at = models.DateTimeField(null=True, blank=True, help_text="When it left the backlog.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(priority__range=(1, 100)), name="source_priority"),
            models.CheckConstraint(condition=Q(refresh_interval_hours__gte=1), name="source_interval"),
        ]
        indexes = [
            models.Index(
                F("priority").desc(),
                F("next_sync_at"),
                name="source_due",
                condition=Q(is_active=True, status__in=["waiting", "error"]),
            ),
            models.Index(fields=["site_key", "status"], name="source_site"),
            models.Index(
                fields=["activated_at"], name="source_activated", condition=Q(activated_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def status_at_rest(self) -> str:
        """Its status while nothing is done with it: what a crawl found and nobody activated stays in the backlog."""
        if self.is_active:
            return self.Status.WAITING
        found = self.parent_id is not None and self.activated_at is None
        return self.Status.DISCOVERED if found else self.Status.DISABLED


class SourceRun(models.Model):
    """One crawl of a source. At most one of a source is open, by constraint, however many schedulers run."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        ERROR = "error"

    OPEN = (Status.QUEUED, Status.RUNNING)

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="runs")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    strategy = models.CharField(max_length=10, choices=Source.Strategy, default=Source.Strategy.DEEP)
    priority = models.PositiveSmallIntegerField(default=50)
    forced = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Messages that the broker took.")
    sent_at = models.DateTimeField(null=True, help_text="When the broker took the last message.")
    worker = models.CharField(max_length=200, blank=True, help_text="Who crawls it.")
    lease_until = models.DateTimeField(
        null=True, help_text="Until when it is that worker's without a sign of life."
    )
    items_scraped = models.PositiveIntegerField(default=0)
    items_new = models.PositiveIntegerField(default=0)
    items_updated = models.PositiveIntegerField(default=0)
    error_message = models.TextField(blank=True)
    logs = models.TextField(blank=True, help_text="The last of what the worker reported.")
    stats = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], name="sourcerun_one_open", condition=Q(status__in=["queued", "running"])
            ),
        ]
        indexes = [
            models.Index(fields=["source", "-created_at"], name="sourcerun_history"),
            models.Index(fields=["created_at"], name="sourcerun_created"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of source {self.source_id}"


class ExternalCategory(models.Model):
    """A category's name as shops call it."""

    name = models.CharField(max_length=300, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "external categories"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A product of a shop, as it was last seen there.

    `text_version` grows with each change of its title, description, category or merchant; `scored_version` is
    the one that was scored last. Ingestion writes the first and never the second.
    """

    gift_id = models.CharField(
        max_length=2200,
        # Compared byte by byte, whatever the database's language: its index is the dearest part of ingestion.
        db_collation="C",
        help_text="<site_key>:<normalised product_url>",
    )
    site_key = models.CharField(max_length=100)
    # No foreign keys in the database, and few indexes: ingestion makes sure itself, and a check a row is a tenth
    # of its time.
    source = models.ForeignKey(
        Source,
        null=True,
        on_delete=models.SET_NULL,
        related_name="products",
        db_constraint=False,
        db_index=False,
    )
    product_url = models.CharField(max_length=2000)
    title = models.CharField(max_length=1000)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    image_url = models.CharField(max_length=2000, blank=True)
    merchant = models.CharField(max_length=300, blank=True)
    category = models.ForeignKey(
        ExternalCategory,
        null=True,
        on_delete=models.SET_NULL,
        related_name="products",
        db_constraint=False,
        db_index=False,
    )
    raw_data = models.JSONField(null=True)
    text_version = models.PositiveIntegerField(default=1, db_default=1)
    scored_version = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        # Not `unique=True`, which makes a second index for LIKE.
        constraints = [models.UniqueConstraint(fields=["gift_id"], name="product_gift_id")]
        indexes = [
            models.Index(
                fields=["id"], name="product_unscored", condition=Q(scored_version__lt=F("text_version"))
            ),
            BrinIndex(fields=["created_at"], name="product_created"),
            # For the search, which follows what changes; it costs ingestion nothing that can be measured.
            BrinIndex(fields=["updated_at"], name="product_updated", pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.title


class Spider(models.Model):
    """A spider that some worker has announced."""

    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class CrawlWorker(models.Model):
    """A worker process, known by its heartbeats."""

    hostname = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    status = models.CharField(max_length=20, default="idle")
    concurrent_tasks = models.PositiveIntegerField(default=0)
    capacity = models.PositiveIntegerField(default=1)
    ram_usage_pct = models.FloatField(default=0)
    spiders = ArrayField(models.CharField(max_length=100), default=list)
    started_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hostname", "pid"], name="crawlworker_once")]
        indexes = [models.Index(fields=["last_seen_at"], name="crawlworker_seen")]

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"
