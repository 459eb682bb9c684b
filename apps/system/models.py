"""What an account sets for its work, and the signs of life of the processes."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Site
from apps.core.models import TenantModel, TenantQuerySet
from apps.core.tenancy import Tenant


class ContentSettings(TenantModel):
    """The values of one key that an account saved; what they lack has its default."""

    tenant_site = None

    class Key(models.TextChoices):
        CONTENT_GENERATION = "content_generation"
        PUBLISHING = "publishing"

    key = models.CharField(max_length=20, choices=Key)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "content settings"
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="content_settings_once")]

    def __str__(self) -> str:
        return f"{self.key} of {self.account_id}"


class AuthorProfileQuerySet(TenantQuerySet):
    def for_tenant(self, tenant: Tenant) -> "AuthorProfileQuerySet":
        """Those of the account's sites that the tenant sees, and those of no site in particular."""
        rows = self.filter(account_id=tenant.account_id)
        if tenant.site_ids is not None:
            rows = rows.filter(Q(site=None) | Q(site_id__in=tenant.site_ids))
        return rows


class AuthorProfile(TenantModel):
    """In whose voice articles are written: on one site, or on all of the account's."""

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="author_profiles"
    )
    name = models.CharField(max_length=120)
    job_title = models.CharField(max_length=120, blank=True)
    bio = models.TextField(blank=True)
    tone = models.CharField(max_length=80, blank=True)
    style = models.TextField(blank=True, help_text="How they write, for the model.")
    is_default = models.BooleanField(default=False, help_text="Writes the articles of its site, or of all.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AuthorProfileQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "site"],
                condition=Q(is_default=True),
                nulls_distinct=False,
                name="one_default_author",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def voice(self) -> str:
        """What a model is told of the author."""
        who = f"{self.name}, {self.job_title}" if self.job_title else self.name
        return "\n".join(part for part in (who, self.bio, self.style) if part)


class Heartbeat(models.Model):
    """When a process last showed that it lives: `beat`, or a worker for a queue that it serves."""

    name = models.CharField(max_length=40, help_text="beat, or queue:<name>")
    host = models.CharField(max_length=200, help_text="Of a worker: its node name.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "host"], name="heartbeat_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.host}"
