"""What is known of a product as a gift: its score, who scores it now, and the row that the search reads."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q

from apps.intelligence.axes import AXIS_NAMES
from apps.parsing.models import Product


class ProductScore(models.Model):
    """The score of a product's text as it stood in `text_version`; never touched by what crawls bring."""

    product = models.OneToOneField(
        Product, primary_key=True, on_delete=models.CASCADE, related_name="score", db_constraint=False
    )
    text_version = models.PositiveIntegerField(help_text="Of the product, whose text it judges.")
    gift_score = models.FloatField(help_text="0 to 10.")
    reasoning = models.TextField(blank=True)
    vector = models.JSONField(null=True, help_text="The ten axes, 0 to 1 each; none yet where null.")
    scoring_model = models.CharField(max_length=200, blank=True)
    scoring_version = models.CharField(max_length=100, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    scored_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["product"], name="score_without_axes", condition=Q(vector__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.gift_score:g}"


class ScoringLease(models.Model):
    """To whom a product was handed for scoring last, and until when it is nobody else's."""

    product = models.OneToOneField(
        Product, primary_key=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    worker = models.CharField(max_length=200, blank=True)
    text_version = models.PositiveIntegerField(help_text="Of the text that was handed out.")
    leased_at = models.DateTimeField()
    until = models.DateTimeField()
    earlier = models.JSONField(
        default=dict, help_text="Worker → text version, of those whose lease ended without a score."
    )

    def __str__(self) -> str:
        return f"{self.product_id} to {self.worker}"


class ProductSearch(models.Model):
    """A product as the search sees it: a copy, made anew from products and scores at any time.

    Ingestion carries no index for searches; this row is brought up to date behind it, and before each search.
    """

    product = models.OneToOneField(
        Product, primary_key=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    seen_at = models.DateTimeField(help_text="`updated_at` of the product that it was made of.")
    words = SearchVectorField()
    site_key = models.CharField(max_length=100)
    merchant = models.CharField(max_length=300, blank=True)
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    category_id = models.BigIntegerField(null=True, help_text="Of the external category.")
    gift_score = models.FloatField(null=True)
    recognition = models.FloatField(null=True)
    taste = models.FloatField(null=True)
    relief = models.FloatField(null=True)
    order = models.FloatField(null=True)
    beginning = models.FloatField(null=True)
    mastery = models.FloatField(null=True)
    memory = models.FloatField(null=True)
    ritual = models.FloatField(null=True)
    indulgence = models.FloatField(null=True)
    rest = models.FloatField(null=True)

    class Meta:
        indexes = [
            GinIndex(fields=["words"], name="search_words"),
            models.Index(fields=["price", "product"], name="search_price", condition=Q(price__isnull=False)),
            models.Index(fields=["category_id", "product"], name="search_category"),
            models.Index(fields=["site_key", "product"], name="search_site"),
            models.Index(
                F("gift_score").desc(),
                F("product").desc(),
                name="search_score",
                condition=Q(gift_score__isnull=False),
            ),
            *(
                models.Index(
                    F(axis).desc(),
                    F("product").desc(),
                    name=f"search_{axis}",
                    condition=Q(**{f"{axis}__isnull": False}),
                )
                for axis in AXIS_NAMES
            ),
        ]

    def __str__(self) -> str:
        return str(self.product_id)


class SearchWord(models.Model):
    """A word that some product has or had: what the beginning of a word may stand for."""

    word = models.TextField(primary_key=True, db_collation="C")

    def __str__(self) -> str:
        return self.word


class SearchState(models.Model):
    """How far the search has followed the products: one row."""

    followed_to = models.DateTimeField()

    def __str__(self) -> str:
        return f"followed to {self.followed_to}"
