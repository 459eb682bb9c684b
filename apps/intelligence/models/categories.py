"""Our own tree of categories, and which of it the shops' names mean."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from apps.parsing.models import ExternalCategory

# Which mappings hold: all but suggestions that nobody has verified.
MAPS = ~Q(origin="suggestion") | Q(is_verified=True)


class InternalCategory(models.Model):
    """A category of the platform. `path` names it in the tree, as "Home > Kitchen > Mugs"."""

    SEPARATOR = " > "
    DEPTH = 10

    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=160, unique=True)
    description = models.CharField(
        max_length=500, blank=True, help_text="What belongs here, for suggestions."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, help_text="Suggestions that are older are made anew.")

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "internal categories"
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"], name="internal_category_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self):
        super().clean()
        above, seen = self.parent, {self.pk} - {None}
        for _ in range(self.DEPTH):
            if above is None:
                return
            if above.pk in seen:
                raise ValidationError({"parent": "A category can not stand below itself."})
            seen.add(above.pk)
            above = above.parent
        raise ValidationError({"parent": f"The tree may be at most {self.DEPTH} levels deep."})


class CategoryMapping(models.Model):
    """What a shop's category name means. It is joined, never copied: it holds for products that are there already.

    A suggestion maps nothing until it is verified; what a worker submits maps at once; what staff verified no
    worker changes.
    """

    class Origin(models.TextChoices):
        SUGGESTION = "suggestion"
        WORKER = "worker"
        STAFF = "staff"

    external = models.OneToOneField(
        ExternalCategory, primary_key=True, on_delete=models.CASCADE, related_name="mapping"
    )
    internal = models.ForeignKey(InternalCategory, on_delete=models.CASCADE, related_name="mappings")
    origin = models.CharField(max_length=10, choices=Origin)
    confidence = models.FloatField(null=True, blank=True, help_text="Of a suggestion, 0 to 1.")
    is_verified = models.BooleanField(default=False, help_text="Staff has looked at it.")
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["internal"], name="category_mapped", condition=MAPS),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} is {self.internal_id}"

    @property
    def maps(self) -> bool:
        return self.is_verified or self.origin != self.Origin.SUGGESTION
