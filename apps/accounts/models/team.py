"""Who was asked into an account, and what was done over the heads of its users."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from apps.accounts.models.account import Account
from apps.accounts.models.user import User
from apps.core.models import TenantModel


class Invitation(TenantModel):
    """An address that was asked into the account. It holds a place of the plan while it is pending."""

    tenant_site = None
    handed_over = ("invited_by",)

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=User.Role, default=User.Role.VIEWER)
    all_sites = models.BooleanField(default=True)
    site_ids = models.JSONField(default=list, help_text="The sites to be seen, where not all are.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    code = models.UUIDField(default=uuid.uuid4, help_text="Only the newest mail's link is good.")
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=models.Q(status="pending"),
                name="one_pending_invitation",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="invitation_email_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account_id}"


class AuditRecord(models.Model):
    """Something done in an account by somebody who stands outside of it, or that leaves no other trace."""

    class Action(models.TextChoices):
        ACCOUNTS_READ = "accounts_read"
        ACCOUNTS_CHANGED = "accounts_changed"
        IMPERSONATED = "impersonated"
        USER_REMOVED = "user_removed"

    action = models.CharField(max_length=20, choices=Action)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_email = models.EmailField(max_length=254, help_text="Stays when the actor is gone.")
    subject = models.CharField(max_length=254, blank=True, help_text="Whom or what it was done to.")
    details = models.JSONField(default=dict)
    address = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="audit_account"),
            models.Index(fields=["created_at"], name="audit_created"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_email} {self.action} {self.subject}"
