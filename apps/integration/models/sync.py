"""How a site and its WordPress are kept alike: what each post was when both agreed, and the passes over it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.models import TenantModel
from apps.integration.models.connections import SiteIntegration
from apps.writer.models import Content


class SiteStructure(TenantModel):
    """What a WordPress is made of, as far as its REST API tells."""

    tenant_site = "integration__site_id"

    integration = models.OneToOneField(SiteIntegration, on_delete=models.CASCADE, related_name="structure")
    post_types = models.JSONField(
        default=list, help_text="Each with name, label, rest_base, count and its taxonomies."
    )
    taxonomies = models.JSONField(default=list)
    authors = models.JSONField(default=list)
    about = models.JSONField(default=dict, help_text="Name, time zone, permalinks, plug-ins.")
    fetched_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Structure of {self.integration_id}"


class SyncRun(TenantModel):
    """One pass over a WordPress. Where it stands is here, so that another worker goes on with it."""

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Direction(models.TextChoices):
        PULL = "pull"
        PUSH = "push"
        BOTH = "both"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="sync_runs")
    integration = models.ForeignKey(SiteIntegration, on_delete=models.CASCADE, related_name="sync_runs")
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.BOTH)
    is_deep = models.BooleanField(
        default=False, help_text="Reads the text of every post, not only of those that say they were changed."
    )
    by_person = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State, default=State.RUNNING)
    job_id = models.UUIDField()
    cursor = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], name="sync_run_open_once", condition=Q(state="running")
            )
        ]
        indexes = [models.Index(fields=["integration", "-id"], name="sync_run_newest")]

    def __str__(self) -> str:
        return f"{self.direction} of {self.integration_id}: {self.state}"


class SyncedPost(TenantModel):
    """A post of a WordPress, and what it was when the two sides last agreed.

    `ours`, `theirs` and `sent` are hashes by field: of the article's fields, of the post's as WordPress gives them
    raw, and of what was sent for them. A field has changed on a side when its hash has.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="synced_posts")
    integration = models.ForeignKey(SiteIntegration, on_delete=models.CASCADE, related_name="synced_posts")
    post_type = models.CharField(max_length=60, help_text="As the REST API calls it: posts, pages, product …")
    external_id = models.PositiveBigIntegerField()
    content = models.ForeignKey(
        Content, null=True, on_delete=models.SET_NULL, related_name="synced_posts",
        help_text="Empty: it was deleted here, and is left alone.",
    )  # fmt: skip
    base = models.JSONField(default=dict, help_text="Title, text and excerpt that were agreed on, raw.")
    ours = models.JSONField(default=dict)
    theirs = models.JSONField(default=dict)
    sent = models.JSONField(default=dict)
    no_place = models.JSONField(
        default=list, help_text="Fields of the article that the site had no place for when it was last sent."
    )
    images = models.JSONField(
        default=dict, help_text="By address in the text: the image here and the medium there."
    )
    is_lossy = models.BooleanField(
        default=False, help_text="The post holds more than an article can: sending ours would take it away."
    )
    is_new = models.BooleanField(default=False, help_text="Made by us, and not published yet.")
    agreed_at = models.DateTimeField(null=True, help_text="Empty: nobody knows what both agreed on.")
    remote_status = models.CharField(max_length=20, blank=True)
    url = models.URLField(max_length=600, blank=True)
    modified_gmt = models.CharField(max_length=25, blank=True, help_text="Compared, not ordered.")
    conflict = models.JSONField(
        default=dict, help_text="The fields that both changed, and theirs as they were seen."
    )
    conflict_at = models.DateTimeField(null=True)
    seen_run = models.BigIntegerField(null=True, help_text="The last pass that saw it.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "synced post"
        constraints = [
            models.UniqueConstraint(fields=["integration", "external_id"], name="synced_post_once"),
            models.UniqueConstraint(
                fields=["integration", "content"], name="synced_post_of_content",
                condition=Q(content__isnull=False),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["integration", "-conflict_at"], name="synced_post_conflict",
                condition=Q(conflict_at__isnull=False),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.post_type} {self.external_id}"


class WebhookEvent(TenantModel):
    """What a WordPress told us of one of its posts: stored first, looked into afterwards."""

    tenant_site = "integration__site_id"

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"

    integration = models.ForeignKey(SiteIntegration, on_delete=models.CASCADE, related_name="webhook_events")
    event_id = models.CharField(max_length=100)
    event = models.CharField(max_length=60)
    post_id = models.PositiveBigIntegerField()
    occurred_at = models.DateTimeField()
    body = models.JSONField(default=dict)
    is_signed = models.BooleanField(default=False)
    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    error = models.TextField(blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["integration", "event_id"], name="webhook_event_once")]
        indexes = [
            models.Index(fields=["integration"], name="webhook_event_open", condition=Q(state="pending")),
            models.Index(fields=["received_at"], name="webhook_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.post_id}"
