"""Keywords of a site's workflow, and their clusters."""

from typing import ClassVar, Self

from django.db import models, transaction
from django.utils import timezone

from apps.accounts.models import IndustrySector, Sector, Site
from apps.core.errors import Conflict
from apps.core.models import TenantModel, TenantQuerySet
from apps.planner.models.library import Intent, SeedKeyword


class WorkflowQuerySet(TenantQuerySet):
    """Rows whose status moves by rule: `COMES_FROM` of the model says from which states each can be reached."""

    def among(self, ids: list[int]) -> Self:
        """Of these ids, sent as one array: an IN with 10,000 parameters costs more than what is done with the rows."""
        return self.extra(where=[f"{self.model._meta.db_table}.id = ANY(%s)"], params=[ids])  # noqa: S610

    def may_move(self, status: str) -> models.Q:
        return models.Q(status__in=self.model.COMES_FROM[status])

    def move_to(self, status: str, *, expected: int | None = None) -> int:
        """Moves all rows and returns how many were elsewhere. Raises Conflict, and moves none, when one may not.

        Where as many rows moved as were `expected`, none can be left, and none is looked for.
        """
        with transaction.atomic():
            moved = self.filter(self.may_move(status)).update(status=status, updated_at=timezone.now())
            stuck = moved != expected and self.exclude(status=status).values_list("pk", "status").first()
            if stuck:
                raise Conflict(
                    f"The {self.model._meta.verbose_name} {stuck[0]} is {stuck[1]} and can not become {status}.",
                    details={"id": stuck[0], "status": stuck[1]},
                )
        return moved


class ClusterQuerySet(WorkflowQuerySet):
    def free(self) -> Self:
        """Those that clustering may cut again: no editor has locked or edited them, and nothing is planned on them."""
        return self.filter(is_locked=False, is_edited=False, status=Cluster.Status.NEW)


class Cluster(TenantModel):
    """Keywords that one article answers. A hub has no keywords of its own but clusters under it."""

    class Status(models.TextChoices):
        NEW = "new"
        MAPPED = "mapped"

    # Back to new: an editor wants further ideas of it.
    COMES_FROM: ClassVar = {Status.NEW: [Status.MAPPED], Status.MAPPED: [Status.NEW]}

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="clusters")
    sector = models.ForeignKey(
        Sector, null=True, blank=True, on_delete=models.SET_NULL, related_name="clusters"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    is_hub = models.BooleanField(default=False)
    is_locked = models.BooleanField(default=False, help_text="An editor's: clustering leaves it alone.")
    is_edited = models.BooleanField(
        default=False,
        help_text="Named or put together by an editor: it is not cut again, new keywords join it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["site", "status"], name="cluster_site_status")]

    def __str__(self) -> str:
        return self.name


class KeywordQuerySet(WorkflowQuerySet):
    def may_move(self, status: str) -> models.Q:
        """A disabled keyword goes back to where it was, which its cluster tells, and nowhere else."""
        former = {
            Keyword.Status.NEW: models.Q(cluster__isnull=True),
            Keyword.Status.CLUSTERED: models.Q(cluster__in=Cluster.objects.filter(status=Cluster.Status.NEW)),
            Keyword.Status.MAPPED: models.Q(cluster__in=Cluster.objects.filter(status=Cluster.Status.MAPPED)),
        }.get(status)
        allowed = super().may_move(status)
        return allowed | models.Q(former, status=Keyword.Status.DISABLED) if former else allowed


class Keyword(TenantModel):
    """A keyword in a site's workflow."""

    class Status(models.TextChoices):
        NEW = "new"
        CLUSTERED = "clustered"
        MAPPED = "mapped"
        DISABLED = "disabled"

    COMES_FROM: ClassVar = {
        Status.NEW: [],
        Status.CLUSTERED: [Status.NEW],
        Status.MAPPED: [Status.CLUSTERED],
        Status.DISABLED: [Status.NEW, Status.CLUSTERED, Status.MAPPED],
    }

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="keywords")
    sector = models.ForeignKey(
        Sector, null=True, blank=True, on_delete=models.RESTRICT, related_name="keywords"
    )
    seed_keyword = models.ForeignKey(
        SeedKeyword, null=True, blank=True, on_delete=models.SET_NULL, related_name="added", db_index=False
    )
    industry_sector = models.ForeignKey(
        IndustrySector, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    cluster = models.ForeignKey(
        Cluster, null=True, blank=True, on_delete=models.SET_NULL, related_name="keywords"
    )
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

    objects = KeywordQuerySet.as_manager()

    class Meta:
        ordering = ["-volume", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "country", "key"], name="keyword_once"),
            models.CheckConstraint(
                condition=models.Q(difficulty__isnull=True) | models.Q(difficulty__lte=100),
                name="keyword_difficulty",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "status"], name="keyword_site_status"),
            models.Index(fields=["site", "-volume", "-id"], name="keyword_site_volume"),
            models.Index(fields=["account", "industry_sector", "site", "seed_keyword"], name="keyword_added"),
            models.Index(fields=["seed_keyword"], name="keyword_seed"),
        ]

    def __str__(self) -> str:
        return self.keyword
