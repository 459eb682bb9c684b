"""Who talks to the Telegram bot, who is invited to, and which log-ins of the Mini App were used."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone


class TelegramRole(models.TextChoices):
    USER = "user"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"


class TelegramSubscriberQuerySet(models.QuerySet):
    def of_topic(self, topic: str) -> "TelegramSubscriberQuerySet":
        """Active subscribers that want to hear of a topic."""
        return self.filter(is_active=True, subscriptions__contains=[topic])

    def subscribe(self, topic: str) -> int:
        """Adds the topic where it is not there yet; two callers at once lose none."""
        added = Func(F("subscriptions"), Value(topic), function="array_append")
        return self.exclude(subscriptions__contains=[topic]).update(
            subscriptions=added, updated_at=timezone.now()
        )

    def unsubscribe(self, topic: str) -> int:
        removed = Func(F("subscriptions"), Value(topic), function="array_remove")
        return self.filter(subscriptions__contains=[topic]).update(
            subscriptions=removed, updated_at=timezone.now()
        )


class TelegramSubscriber(models.Model):
    """A chat of the platform's bot. Admins and superadmins may also log in to the dashboard."""

    chat_id = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    slug = models.CharField(max_length=64, blank=True, help_text="The Telegram user name, without @.")
    role = models.CharField(max_length=10, choices=TelegramRole, default=TelegramRole.USER)
    permissions = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    subscriptions = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    language = models.CharField(max_length=35, default="en")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TelegramSubscriberQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["slug"], name="telegram_slug", condition=~Q(slug=""))]

    def __str__(self) -> str:
        return self.name or self.slug or str(self.chat_id)

    @property
    def reaches_dashboard(self) -> bool:
        return self.is_active and self.role in (TelegramRole.ADMIN, TelegramRole.SUPERADMIN)


class TelegramInviteQuerySet(models.QuerySet):
    def open(self, is_open: bool = True) -> "TelegramInviteQuerySet":
        """Those that can still be claimed, or all others."""
        good = Q(claimed_at__isnull=True, expires_at__gt=timezone.now())
        return self.filter(good) if is_open else self.exclude(good)


class TelegramInvite(models.Model):
    """A role that waits for somebody to come with its password. Claimed once, or never."""

    MAX_ATTEMPTS = 5

    username = models.CharField(max_length=64, help_text="Lower case, without @.")
    name = models.CharField(max_length=200, blank=True)
    password = models.CharField(max_length=200, help_text="Hashed as a user's is.")
    role = models.CharField(max_length=10, choices=TelegramRole, default=TelegramRole.ADMIN)
    permissions = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Wrong passwords so far.")
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.ForeignKey(
        TelegramSubscriber, null=True, blank=True, on_delete=models.SET_NULL, related_name="invites"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TelegramInviteQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["username"], condition=Q(claimed_at__isnull=True), name="one_open_telegram_invite"
            )
        ]

    def __str__(self) -> str:
        return self.username


class WebAppLogin(models.Model):
    """A Mini App's initData that was taken: the same one again is a replay."""

    hash = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.hash
