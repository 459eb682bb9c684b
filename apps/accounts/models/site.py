"""Websites, what they write about, and who reaches them."""

import hashlib
import secrets

from django.conf import settings
from django.db import models

from apps.core.models import TenantModel, TenantQuerySet


class Industry(models.Model):
    """A line of business of the catalogue."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "industries"

    def __str__(self) -> str:
        return self.name


class IndustrySector(models.Model):
    """A part of an industry, which holds keywords of the library."""

    industry = models.ForeignKey(Industry, on_delete=models.CASCADE, related_name="sectors")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Site(TenantModel):
    """A website of an account."""

    tenant_site = "id"

    name = models.CharField(max_length=120)
    slug = models.SlugField(
        max_length=80, unique=True, help_text="Its address where we host it: /sites/<slug>/."
    )
    domain = models.CharField(max_length=253)
    industry = models.ForeignKey(Industry, null=True, blank=True, on_delete=models.SET_NULL)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=10, default="en")
    is_hosted = models.BooleanField(
        default=True, help_text="Published content is served by us at /sites/<slug>/."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["account", "domain"], name="site_domain")]

    def __str__(self) -> str:
        return self.name


class Sector(TenantModel):
    """What a site writes about: one of the catalogue's sectors, under a name of the site's own."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="sectors")
    industry_sector = models.ForeignKey(IndustrySector, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["site", "industry_sector"], name="sector_of_site")]

    def __str__(self) -> str:
        return self.name


class SiteAccess(TenantModel):
    """A site that a user without `all_sites` sees."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="site_access")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="access")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "site access"
        constraints = [models.UniqueConstraint(fields=["user", "site"], name="site_access_once")]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.site_id}"


class ApiKeyQuerySet(TenantQuerySet):
    def active(self):
        return self.filter(revoked_at__isnull=True)


class ApiKey(TenantModel):
    """A site's own credential. Only a hash of it is kept; the prefix finds the row."""

    handed_over = ("created_by",)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def generate() -> tuple[str, str, str]:
        """A new key: (key, prefix, hash). 256 random bits need no slow hash."""
        prefix = "ig8_" + secrets.token_hex(6)
        key = f"{prefix}.{secrets.token_urlsafe(32)}"
        return key, prefix, hashlib.sha256(key.encode()).hexdigest()
