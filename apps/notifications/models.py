from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.accounts.models import Site, TelegramSubscriber
from apps.core.fields import EncryptedTextField
from apps.core.models import TenantModel, TenantQuerySet
from apps.core.tenancy import Tenant


class NotificationQuerySet(TenantQuerySet):
    def told_to(self, tenant: Tenant) -> "NotificationQuerySet":
        """Those of the account, without the ones meant for another of its users or a site that is not seen."""
        mine = models.Q(user=None) | models.Q(user_id=tenant.user_id)
        rows = self.filter(mine, account_id=tenant.account_id)
        if tenant.site_ids is not None:
            rows = rows.filter(models.Q(site=None) | models.Q(site_id__in=tenant.site_ids))
        return rows

    def for_tenant(self, tenant: Tenant) -> "NotificationQuerySet":
        """Those of `told_to` that the user wants to see in the app."""
        rows = self.told_to(tenant)
        if tenant.user_id is not None:
            muted = NotificationPreference.objects.filter(user_id=tenant.user_id, in_app=False)
            rows = rows.exclude(notification_type__in=muted.values("notification_type"))
        return rows


class Notification(TenantModel):
    """What an account is told in the app. `user` set: only that user's; `site` set: only theirs who see it."""

    class Severity(models.TextChoices):
        INFO = "info"
        SUCCESS = "success"
        WARNING = "warning"
        ERROR = "error"

    class Type(models.TextChoices):
        AI_CLUSTER_COMPLETE = "ai_cluster_complete"
        AI_CLUSTER_FAILED = "ai_cluster_failed"
        AI_IDEAS_COMPLETE = "ai_ideas_complete"
        AI_IDEAS_FAILED = "ai_ideas_failed"
        AI_CONTENT_COMPLETE = "ai_content_complete"
        AI_CONTENT_FAILED = "ai_content_failed"
        AI_IMAGES_COMPLETE = "ai_images_complete"
        AI_IMAGES_FAILED = "ai_images_failed"
        AI_PROMPTS_COMPLETE = "ai_prompts_complete"
        AI_PROMPTS_FAILED = "ai_prompts_failed"
        CONTENT_READY_REVIEW = "content_ready_review"
        CONTENT_PUBLISHED = "content_published"
        CONTENT_PUBLISH_FAILED = "content_publish_failed"
        WORDPRESS_SYNC_SUCCESS = "wordpress_sync_success"
        WORDPRESS_SYNC_FAILED = "wordpress_sync_failed"
        CREDITS_LOW = "credits_low"
        CREDITS_DEPLETED = "credits_depleted"
        SITE_SETUP_COMPLETE = "site_setup_complete"
        KEYWORDS_IMPORTED = "keywords_imported"
        SYSTEM_INFO = "system_info"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="+")
    notification_type = models.CharField(max_length=30, choices=Type)
    severity = models.CharField(max_length=10, choices=Severity)
    title = models.CharField(max_length=120)
    message = models.CharField(max_length=1000)
    is_read = models.BooleanField(default=False)
    read_at = models.DateTimeField(null=True)
    action_label = models.CharField(max_length=60, blank=True)
    action_url = models.CharField(max_length=300, blank=True)
    metadata = models.JSONField(default=dict)
    key = models.CharField(
        max_length=200, null=True, help_text="The same key twice in an account is one notification."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="notification_key")]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="notification_account"),
            models.Index(
                fields=["account", "notification_type", "user", "site"],
                name="notification_unread",
                condition=models.Q(is_read=False),
            ),
            # What is told by mail, and forgotten: by time, of all accounts.
            models.Index(fields=["created_at"], name="notification_created"),
        ]

    def __str__(self) -> str:
        return self.title


class TelegramMessage(models.Model):
    """A message to one subscriber: the row is what will be sent, however often a worker dies."""

    MAX_ATTEMPTS = 10

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"

    subscriber = models.ForeignKey(TelegramSubscriber, on_delete=models.CASCADE, related_name="messages")
    topic = models.CharField(max_length=50)
    text = models.TextField()
    key = models.CharField(max_length=200, null=True, help_text="The same key is told a subscriber once.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField(
        help_text="Not before this time; while a worker has it, the end of its lease."
    )
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "key"], name="telegram_message_key"),
        ]
        indexes = [
            models.Index(fields=["run_after"], name="telegram_due", condition=models.Q(state="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} to {self.subscriber_id}"

    def mark_sent(self) -> None:
        self.state, self.sent_at, self.error = self.State.SENT, timezone.now(), ""
        self._note("state", "sent_at", "error")

    def put_off(self, error: str, *, retry_after: float | None, permanent: bool) -> None:
        """For later, or for good when it can not arrive or was tried MAX_ATTEMPTS times.

        Where Telegram only wants to be left alone, `retry_after`, it was no attempt.
        """
        self.error = error[:500]
        if retry_after is not None:
            self.attempts -= 1
        if permanent or self.attempts >= self.MAX_ATTEMPTS:
            self.state = self.State.FAILED
        else:
            delay = retry_after if retry_after is not None else min(3600, 2**self.attempts * 5)
            self.run_after = timezone.now() + timedelta(seconds=delay)
        self._note("state", "run_after", "error", "attempts")

    def _note(self, *fields: str) -> None:
        """Its subscriber may be gone by now, and it with him."""
        type(self).objects.filter(pk=self.pk).update(**{name: getattr(self, name) for name in fields})


Type = Notification.Type
# What a client may ask for by one name.
GROUPS = {
    "ai_task": [t for t in Type.values if t.startswith("ai_")],
    "content": [*(t for t in Type.values if t.startswith("content_")), Type.KEYWORDS_IMPORTED.value],
    "integration": [t for t in Type.values if t.startswith("wordpress_")],
    "credit": [t for t in Type.values if t.startswith("credits_")],
    "billing": [t for t in Type.values if t.startswith("credits_")],
    "info": [Type.SITE_SETUP_COMPLETE.value],
    "system": [Type.SYSTEM_INFO.value],
}


class NotificationPreference(TenantModel):
    """By which channels a user wants to be told of a type. Without a row: in the app, and by mail what is urgent."""

    tenant_site = None
    # What costs money or readers while nobody looks.
    URGENT = (
        Type.CONTENT_PUBLISH_FAILED,
        Type.WORDPRESS_SYNC_FAILED,
        Type.CREDITS_LOW,
        Type.CREDITS_DEPLETED,
    )

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preferences"
    )
    notification_type = models.CharField(max_length=30, choices=Type)
    in_app = models.BooleanField(default=True)
    mail = models.BooleanField(default=False, help_text="In the daily digest.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "notification_type"], name="notification_preference_once")
        ]

    def __str__(self) -> str:
        return f"{self.notification_type} of {self.user_id}"


class WebhookEndpoint(TenantModel):
    """An address of the account's own that is told of events. Signed with a secret that is shown once."""

    tenant_site = None
    MAX = 20  # of an account

    url = models.CharField(max_length=600)
    name = models.CharField(max_length=120, blank=True)
    secret = EncryptedTextField()
    events = models.JSONField(default=list, blank=True, help_text="What it is told of; empty: everything.")
    is_active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, help_text="Nothing has arrived since.")
    disabled_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name or self.url


class WebhookDelivery(TenantModel):
    """One event to one endpoint: the row is what will be sent, however often a worker dies."""

    class State(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="+")
    event_id = models.UUIDField(help_text="The same for each endpoint and each try: `webhook-id`.")
    event = models.CharField(max_length=40)
    body = models.TextField(help_text="As it is signed and sent.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    status_code = models.PositiveSmallIntegerField(null=True)
    response_excerpt = models.CharField(max_length=500, blank=True)
    error = models.CharField(max_length=500, blank=True)
    next_try_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_delivery_once")]
        indexes = [models.Index(fields=["account", "-id"], name="webhook_delivery_account")]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint_id}: {self.state}"
