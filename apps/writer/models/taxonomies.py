"""The categories and tags of a site, and the terms of its WordPress's own taxonomies."""

import re
import unicodedata
from html import unescape
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL

from apps.accounts.models import Site
from apps.core.models import TenantModel, TenantQuerySet

CATEGORY, TAG = "category", "tag"
# Between the names of a path, in articles' categories too: "Drinks > Coffee".
SEPARATOR = " > "
MAX_NAME, MAX_KEY = 200, 400
# Letters that are written with a stroke: Unicode takes them for letters of their own, people for the same.
_STROKES = str.maketrans("øłđħŧı’‘ʼ“”„", "oldhti'''\"\"\"")
_INVISIBLE = frozenset(map(chr, range(0xFE00, 0xFE10)))  # variation selectors: ☕ and ☕️ are one
_SPLIT = re.compile(r"\s+>\s+")

PATH = """
(WITH RECURSIVE up AS (
   SELECT t.name, t.parent_id, 1 AS n FROM writer_taxonomy t WHERE t.id = "writer_taxonomy"."id"
   UNION ALL
   SELECT p.name, p.parent_id, up.n + 1 FROM writer_taxonomy p JOIN up ON p.id = up.parent_id WHERE up.n < 100)
 SELECT array_agg(up.name::text ORDER BY up.n DESC) FROM up)
"""


def name_clean(name: str) -> str:
    """The name in one line, its HTML entities as the characters that they mean, without control characters."""
    text = "".join(" " if c.isspace() else c for c in unescape(name))
    return " ".join("".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).split())


def name_key(name: str) -> str:
    """What two names of one thing have in common: case, accents, width, entities and quotes do not count.

    Only the accents of letters fall away, not the vowel signs that Arabic, Hindi or Thai words are made of. May be
    empty: a name of nothing visible.
    """
    decomposed = unicodedata.normalize("NFKD", name_clean(name)).casefold().translate(_STROKES)
    kept = (
        c
        for c in decomposed
        if not "\u0300" <= c <= "\u036f" and c not in _INVISIBLE and unicodedata.category(c) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def path_split(name: str) -> list[str]:
    """The names of "Drinks > Coffee", from the top."""
    return [part for part in _SPLIT.split(name_clean(name)) if part]


class TaxonomyQuerySet(TenantQuerySet):
    def with_path(self) -> Self:
        """Each with `path_names`: the names above it from the top, and its own."""
        names = ArrayField(models.TextField())
        return self.annotate(path_names=RawSQL(PATH, (), output_field=names))  # noqa: S611  no input in it


class Taxonomy(TenantModel):
    """A category, a tag, or a term of another taxonomy of the site's WordPress. Articles name it by its name."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="taxonomies")
    taxonomy = models.CharField(
        max_length=32,
        default=CATEGORY,
        validators=[RegexValidator(r"^[a-z0-9_-]+\Z", "A taxonomy's name holds a-z, 0-9, - and _.")],
        help_text="`category`, `tag`, or the name of a taxonomy of the site's WordPress.",
    )
    name = models.CharField(max_length=MAX_NAME)
    key = models.CharField(max_length=MAX_KEY, editable=False, help_text="The name, its spelling folded.")
    slug = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.RESTRICT, related_name="children"
    )
    description = models.TextField(blank=True)
    external_id = models.CharField(
        max_length=60, blank=True, help_text="Of the term at the site's WordPress."
    )
    count = models.PositiveIntegerField(null=True, blank=True, help_text="Posts that WordPress counts in it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TaxonomyQuerySet.as_manager()

    class Meta:
        ordering = ["taxonomy", "name", "id"]
        verbose_name_plural = "taxonomies"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "taxonomy", "parent", "key"], nulls_distinct=False, name="taxonomy_once"
            ),
            models.UniqueConstraint(
                fields=["site", "taxonomy", "external_id"],
                condition=~Q(external_id=""),
                name="taxonomy_external_id",
            ),
            models.CheckConstraint(
                condition=~Q(taxonomy=TAG) | Q(parent=None), name="taxonomy_tags_are_flat"
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="taxonomy_not_its_own_parent"),
        ]
        indexes = [models.Index(fields=["site", "taxonomy", "key"], name="taxonomy_key")]

    def __str__(self) -> str:
        return self.name
