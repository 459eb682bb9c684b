"""The keywords library, which all accounts share, and what is kept so that counting it costs nothing."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from apps.accounts.models import IndustrySector
from apps.core.models import Job


class Intent(models.TextChoices):
    INFORMATIONAL = "informational"
    NAVIGATIONAL = "navigational"
    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"


# label -> the highest difficulty it covers
DIFFICULTY_LABELS = {"easy": 30, "medium": 50, "hard": 70, "very_hard": 100}


# label -> (lowest, highest)
BANDS = dict(
    zip(
        DIFFICULTY_LABELS,
        zip([0, *(top + 1 for top in DIFFICULTY_LABELS.values())], DIFFICULTY_LABELS.values(), strict=False),
        strict=True,
    )
)


def difficulty_label(difficulty: int | None) -> str | None:
    """easy 0-30, medium 31-50, hard 51-70, very_hard 71-100; None when unknown."""
    if difficulty is None:
        return None
    return next(label for label, top in DIFFICULTY_LABELS.items() if difficulty <= top)


FILTERED_BY = (
    "industry_sector",
    "country",
    "volume",
    "difficulty",
    "intent",
    "is_high_opportunity",
    "credit_cost",
)


def _beside(*ordered: str) -> list[str]:
    return [name for name in FILTERED_BY if name not in ordered]


class SeedKeyword(models.Model):
    """A keyword of the library, which all accounts share. `key` is its identity (see keyword_files.keyword_key)."""

    # Its index is that of the sector and the volume.
    industry_sector = models.ForeignKey(
        IndustrySector, on_delete=models.CASCADE, related_name="keywords", db_index=False
    )
    keyword = models.CharField(max_length=500)
    key = models.CharField(max_length=500)
    country = models.CharField(max_length=2, default="US")
    volume = models.PositiveIntegerField(default=0, help_text="Searches a month; 0 when unknown.")
    volume_is_estimate = models.BooleanField(default=False)
    difficulty = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="0-100; empty when unknown."
    )
    intent = models.CharField(max_length=14, choices=Intent, blank=True)
    cpc = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    high_opportunity_by_staff = models.BooleanField(default=False)
    is_high_opportunity = models.GeneratedField(
        expression=models.Q(high_opportunity_by_staff=True)
        | models.Q(volume__gte=1000, difficulty__isnull=False, difficulty__lte=50),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    band = models.GeneratedField(
        expression=models.Case(
            *(
                models.When(difficulty__lte=top, then=models.Value(label))
                for label, (_, top) in BANDS.items()
            ),
            default=models.Value(""),
        ),
        output_field=models.CharField(max_length=9),
        db_persist=True,
        help_text="The label of the difficulty; empty when unknown.",
    )
    credit_cost = models.PositiveIntegerField(default=0, help_text="Above 0: a paid keyword.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-volume", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["industry_sector", "country", "key"], name="seed_keyword_once"),
            models.CheckConstraint(
                condition=models.Q(difficulty__isnull=True) | models.Q(difficulty__lte=100),
                name="seed_difficulty",
            ),
        ]
        # A page's ids come out of these alone: what is filtered by stands beside the order.
        indexes = [
            models.Index(fields=["-volume", "-id"], include=_beside("volume"), name="seed_volume"),
            models.Index(
                fields=["industry_sector", "-volume", "-id"],
                include=_beside("industry_sector", "volume"),
                name="seed_sector_volume",
            ),
            models.Index(
                fields=["band", "-volume", "-id"], include=_beside("volume"), name="seed_band_volume"
            ),
            models.Index(
                fields=["country", "-volume", "-id"],
                include=_beside("country", "volume"),
                name="seed_country_volume",
            ),
            models.Index(
                fields=["-country", "-volume", "-id"],
                include=_beside("country", "volume"),
                name="seed_country_desc",
            ),
            models.Index(fields=["key", "id"], include=_beside(), name="seed_key_order"),
            models.Index(
                fields=["difficulty", "-volume", "-id"],
                include=_beside("difficulty", "volume"),
                name="seed_difficulty_volume",
            ),
            models.Index(
                models.F("difficulty").desc(nulls_last=True),
                models.F("volume").desc(),
                models.F("id").desc(),
                include=_beside("difficulty", "volume"),
                name="seed_difficulty_desc",
            ),
            # What these hold stands together at one end of the orders, so a walk from the other end is long.
            models.Index(
                fields=["-volume", "-id"],
                include=_beside("volume"),
                condition=models.Q(is_high_opportunity=True),
                name="seed_high_volume",
            ),
            models.Index(
                fields=["difficulty", "-volume", "-id"],
                include=_beside("difficulty", "volume"),
                condition=models.Q(is_high_opportunity=True),
                name="seed_high_difficulty",
            ),
            models.Index(
                models.F("difficulty").desc(nulls_last=True),
                models.F("volume").desc(),
                models.F("id").desc(),
                include=_beside("difficulty", "volume"),
                condition=models.Q(is_high_opportunity=True),
                name="seed_high_difficulty_desc",
            ),
            models.Index(
                fields=["-volume", "-id"],
                include=_beside("volume"),
                condition=models.Q(credit_cost__gt=0),
                name="seed_paid_volume",
            ),
            # On the key: what differs in case, width or quotes only is found as well.
            GinIndex(fields=["key"], opclasses=["gin_trgm_ops"], name="seed_key_trgm"),
        ]

    def __str__(self) -> str:
        return self.keyword


class LibraryImport(models.Model):
    """A file that staff gave to the library, what became of its rows, and the report on those not taken."""

    industry_sector = models.ForeignKey(IndustrySector, on_delete=models.CASCADE, related_name="+")
    file = models.FileField(upload_to="library-imports/")
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=60, blank=True)
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=Job.State, default=Job.State.PENDING)
    counts = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    report = models.FileField(upload_to="library-imports/", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} into {self.industry_sector_id}"


class LibraryCell(models.Model):
    """How many keywords of the library are alike in what is mostly filtered by. Kept by the table's triggers alone."""

    # The triggers empty the cells of a sector that goes; its rows may go in any order.
    industry_sector = models.ForeignKey(
        IndustrySector, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    country = models.CharField(max_length=2)
    band = models.CharField(max_length=9)
    is_high_opportunity = models.BooleanField()
    is_paid = models.BooleanField()
    n = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["industry_sector", "country", "band", "is_high_opportunity", "is_paid"],
                name="library_cell_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.industry_sector_id} {self.country} {self.band}: {self.n}"


class LibraryState(models.Model):
    """One row: the library's version, which changes with each change of it, and how many keywords it holds."""

    version = models.BigIntegerField()
    total = models.IntegerField()

    def __str__(self) -> str:
        return f"version {self.version}"


class LibraryCount(models.Model):
    """How many keywords some filters leave, as counted in a version. Its place follows from the filters, so that
    the table never grows: another one takes the place over."""

    slot = models.PositiveIntegerField(primary_key=True)
    filters = models.UUIDField()
    version = models.BigIntegerField()
    n = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.filters}: {self.n} in version {self.version}"
