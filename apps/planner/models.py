"""From the library of search keywords to the ideas for articles."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from apps.accounts.models import IndustrySector, Sector, Site
from apps.core.models import TenantModel, TenantQuerySet


class Intent(models.TextChoices):
    INFORMATIONAL = "informational"
    NAVIGATIONAL = "navigational"
    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"


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


# label -> the highest difficulty it covers
DIFFICULTY_LABELS = {"easy": 30, "medium": 50, "hard": 70, "very_hard": 100}


def difficulty_label(difficulty: int | None) -> str | None:
    """easy 0-30, medium 31-50, hard 51-70, very_hard 71-100; None when unknown."""
    if difficulty is None:
        return None
    return next(label for label, top in DIFFICULTY_LABELS.items() if difficulty <= top)


class SeedKeyword(models.Model):
    """A keyword of the library, which all accounts share. `key` is its identity (see keyword_files.keyword_key)."""

    industry_sector = models.ForeignKey(IndustrySector, on_delete=models.CASCADE, related_name="keywords")
    keyword = models.CharField(max_length=500)
    key = models.CharField(max_length=500)
    country = models.CharField(max_length=2, default="US")
    volume = models.PositiveIntegerField(default=0, help_text="Searches a month; 0 when unknown.")
    volume_is_estimate = models.BooleanField(default=False)
    difficulty = models.PositiveSmallIntegerField(null=True, blank=True, help_text="0-100; empty when unknown.")
    intent = models.CharField(max_length=14, choices=Intent, blank=True)
    cpc = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    high_opportunity_by_staff = models.BooleanField(default=False)
    is_high_opportunity = models.GeneratedField(
        expression=models.Q(high_opportunity_by_staff=True)
        | models.Q(volume__gte=1000, difficulty__isnull=False, difficulty__lte=50),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    credit_cost = models.PositiveIntegerField(default=0, help_text="Above 0: a paid keyword.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-volume", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["industry_sector", "country", "key"], name="seed_keyword_once"),
            models.CheckConstraint(
                condition=models.Q(difficulty__isnull=True) | models.Q(difficulty__lte=100), name="seed_difficulty"
            ),
        ]
        indexes = [
            models.Index(fields=["-volume", "-id"], name="seed_volume"),
            models.Index(fields=["industry_sector", "-volume", "-id"], name="seed_sector_volume"),
            models.Index(fields=["country", "-volume", "-id"], name="seed_country_volume"),
            models.Index(fields=["keyword", "id"], name="seed_keyword_text"),
            models.Index(fields=["difficulty", "id"], name="seed_difficulty_id"),
            GinIndex(fields=["keyword"], opclasses=["gin_trgm_ops"], name="seed_keyword_trgm"),
        ]

    def __str__(self) -> str:
        return self.keyword


class Cluster(TenantModel):
    """Keywords that one article answers. A hub has no keywords of its own but clusters under it."""

    class Status(models.TextChoices):
        NEW = "new"
        MAPPED = "mapped"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="clusters")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.CASCADE, related_name="clusters")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    is_hub = models.BooleanField(default=False)
    is_locked = models.BooleanField(default=False, help_text="An editor's: clustering leaves it alone.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["site", "status"], name="cluster_site_status")]

    def __str__(self) -> str:
        return self.name


class Keyword(TenantModel):
    """A keyword in a site's workflow."""

    class Status(models.TextChoices):
        NEW = "new"
        CLUSTERED = "clustered"
        MAPPED = "mapped"
        DISABLED = "disabled"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="keywords")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.CASCADE, related_name="keywords")
    seed_keyword = models.ForeignKey(
        SeedKeyword, null=True, blank=True, on_delete=models.SET_NULL, related_name="added", db_index=False
    )
    industry_sector = models.ForeignKey(
        IndustrySector, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    cluster = models.ForeignKey(Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="keywords")
    keyword = models.CharField(max_length=500)
    key = models.CharField(max_length=500)
    country = models.CharField(max_length=2, default="US")
    volume = models.PositiveIntegerField(default=0)
    volume_is_estimate = models.BooleanField(default=False)
    difficulty = models.PositiveSmallIntegerField(null=True, blank=True)
    intent = models.CharField(max_length=14, choices=Intent, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-volume", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "country", "key"], name="keyword_once"),
            models.CheckConstraint(
                condition=models.Q(difficulty__isnull=True) | models.Q(difficulty__lte=100), name="keyword_difficulty"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "status"], name="keyword_site_status"),
            models.Index(fields=["site", "-volume", "-id"], name="keyword_site_volume"),
            models.Index(
                fields=["account", "industry_sector", "site", "seed_keyword"], name="keyword_added"
            ),
            models.Index(fields=["seed_keyword"], name="keyword_seed"),
        ]

    def __str__(self) -> str:
        return self.keyword


class ContentIdea(TenantModel):
    """An article worth writing."""

    class Status(models.TextChoices):
        NEW = "new"
        QUEUED = "queued"
        COMPLETED = "completed"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="ideas")
    sector = models.ForeignKey(Sector, null=True, blank=True, on_delete=models.CASCADE, related_name="ideas")
    cluster = models.ForeignKey(Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="ideas")
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

    class Meta:
        ordering = ["-id"]
        verbose_name = "idea"
        indexes = [models.Index(fields=["site", "status"], name="idea_site_status")]

    def __str__(self) -> str:
        return self.title
