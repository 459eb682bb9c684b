"""The settings of a site, the record they begin from, and what a site is connected to."""

import secrets

from django.db import models
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.fields import EncryptedTextField
from apps.core.models import TenantModel
from apps.intelligence.models import AIModel

STAGES = range(1, 8)
# What a stage's per-run limit is called in the config.
LIMIT_FIELDS = {
    1: "max_keywords_per_run",
    2: "max_clusters_per_run",
    3: "max_ideas_per_run",
    4: "max_tasks_per_run",
    5: "max_content_per_run",
    6: "max_image_prompts_per_run",
    7: "max_approvals_per_run",
}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def default_stages() -> list[dict]:
    """The seven stages: `per_run_limit` 0 means none, `budget_pct` is its share of a run's credits."""
    batches = {1: 50, 2: 1, 3: 20, 4: 1, 5: 1, 6: 1, 7: 20}
    budget = {1: 15, 2: 10, 3: 5, 4: 40, 5: 5, 6: 20, 7: 5}
    return [
        {
            "number": n,
            "enabled": True,
            "batch_size": batches[n],
            "per_run_limit": 0,
            "use_testing": False,
            "budget_pct": budget[n],
        }
        for n in STAGES
    ]


def workdays() -> list[str]:
    return list(WEEKDAYS[:5])


def default_slots() -> list[dict]:
    return [{"start": f"{h:02}:00", "end": f"{h + 1:02}:00"} for h in (9, 14, 18)]


class SettingsFields(models.Model):
    """What DefaultSettings and SiteSettings share: automation, stages, delays, publishing, images, approval, runs."""

    class Frequency(models.TextChoices):
        DAILY = "daily"
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    enabled = models.BooleanField(default=False)
    frequency = models.CharField(max_length=10, choices=Frequency, default=Frequency.DAILY)
    scheduled_days = models.JSONField(default=workdays)
    scheduled_time = models.TimeField(default="02:00")
    stages = models.JSONField(default=default_stages)
    delay_within_stage = models.PositiveIntegerField(default=3, help_text="Seconds.")
    delay_between_stages = models.PositiveIntegerField(default=5, help_text="Seconds.")
    auto_approval_enabled = models.BooleanField(default=False)
    auto_publish_enabled = models.BooleanField(default=False)
    daily_publish_limit = models.PositiveIntegerField(default=3)
    weekly_publish_limit = models.PositiveIntegerField(default=15)
    monthly_publish_limit = models.PositiveIntegerField(default=50)
    publish_days = models.JSONField(default=workdays)
    publish_time_slots = models.JSONField(default=default_slots)
    image_style = models.CharField(max_length=40, default="photorealistic")
    max_images = models.PositiveSmallIntegerField(default=4)
    approval_min_words = models.PositiveIntegerField(
        default=0, help_text="An automation approves no shorter article. 0: any."
    )
    approval_needs_featured_image = models.BooleanField(default=False)
    credits_limit = models.PositiveIntegerField(
        default=0, help_text="What a run may spend; budget_pct of its stages are shares of it. 0: no limit."
    )
    auto_resume = models.BooleanField(
        default=False,
        help_text="A run that paused for credits, a provider or a target is tried again by itself.",
    )

    class Meta:
        abstract = True

    @property
    def total_items_per_run(self) -> int:
        """What the limits of the enabled stages add up to; 0 while one of them has none."""
        limits = [s["per_run_limit"] for s in self.stages if s["enabled"]]
        return sum(limits) if all(limits) else 0

    def stage(self, number: int) -> dict:
        return next(s for s in self.stages if s["number"] == number)


class DefaultSettings(SettingsFields):
    """One record that staff edit: what a new site's settings begin from."""

    singleton = models.BooleanField(default=True, unique=True, editable=False)

    class Meta:
        verbose_name_plural = "default settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(singleton=True), name="one_default_settings")
        ]

    def __str__(self) -> str:
        return "Default settings"


class SiteSettings(SettingsFields, TenantModel):
    """All settings of a site, one record."""

    # What says when runs start: a change of it makes no run due that was not.
    SCHEDULE = ("enabled", "frequency", "scheduled_days", "scheduled_time")

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="settings")
    # Read by intelligence, which lies below, through the site's relation.
    live_model = models.ForeignKey(
        AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    testing_model = models.ForeignKey(
        AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    image_model = models.ForeignKey(
        AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    schedule_set_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text="Runs that were due before are not caught up."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "site settings"

    def __str__(self) -> str:
        return f"Settings of {self.site_id}"


def secret_new() -> str:
    """256 random bits, in characters that no form or header changes."""
    return secrets.token_hex(32)


class SiteIntegration(TenantModel):
    """The connection of a site to the system that shows its content."""

    class Platform(models.TextChoices):
        WORDPRESS = "wordpress", "WordPress"

    class AuthMethod(models.TextChoices):
        APP_PASSWORD = "app_password"  # noqa: S105 (a name)
        PLUGIN = "plugin"

    class Status(models.TextChoices):
        UNTESTED = "untested"
        CONNECTED = "connected"
        FAILED = "failed"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=120, blank=True)
    platform = models.CharField(max_length=10, choices=Platform, default=Platform.WORDPRESS)
    base_url = models.URLField(max_length=300, help_text="As it stands under Settings, General in WordPress.")
    auth_method = models.CharField(max_length=12, choices=AuthMethod, default=AuthMethod.APP_PASSWORD)
    username = models.CharField(max_length=100, blank=True, help_text="The login name in WordPress.")
    app_password = EncryptedTextField(blank=True)
    signing_secret = EncryptedTextField(
        default=secret_new, help_text="Signs the site's webhooks, and what we ask of its plugin."
    )
    plugin_version = models.CharField(
        max_length=20, blank=True, help_text="Empty: the site has no plugin of ours."
    )
    post_types = models.JSONField(
        default=dict,
        blank=True,
        help_text="By content type the post type at the site, where it is not its own.",
    )
    taxonomies = models.JSONField(
        default=dict,
        blank=True,
        help_text="Where categories and tags go, where it is not the post type's own.",
    )
    author = models.CharField(
        max_length=100,
        blank=True,
        help_text="The user of the site whose name articles carry; empty: who connects.",
    )
    is_active = models.BooleanField(default=True, help_text="Content of the site is published here.")
    rest_root = models.CharField(max_length=330, blank=True, help_text="Where the REST API was found.")
    status = models.CharField(max_length=9, choices=Status, default=Status.UNTESTED)
    last_error = models.TextField(blank=True)
    last_tested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["site", "platform"], name="site_integration_once")]

    def __str__(self) -> str:
        return self.name or f"{self.get_platform_display()} at {self.base_url}"

    @property
    def has_plugin(self) -> bool:
        return self.auth_method == self.AuthMethod.PLUGIN or bool(self.plugin_version)

    @property
    def place(self) -> str:
        """Which WordPress this is, whoever connects to it and how: host and path."""
        return self.base_url.partition("://")[2].rstrip("/")
