"""Base models of every tenant-scoped table, the job row and the rate counter."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.core.tenancy import Tenant


class TenantQuerySet(models.QuerySet):
    def for_tenant(self, tenant: Tenant) -> Self:
        """Rows of the tenant's account, and of its sites where it does not see all of them."""
        rows = self.filter(account_id=tenant.account_id)
        path = self.model.tenant_site
        if tenant.site_ids is not None and path:
            rows = rows.filter(**{f"{path}__in": tenant.site_ids})
        return rows


class TenantModel(models.Model):
    """A row that belongs to one account. `tenant_site` is the lookup of the site it belongs to, or None."""

    tenant_site: ClassVar[str | None] = "site_id"
    # Its relations to a user that go to another one when the user is removed.
    handed_over: ClassVar[tuple[str, ...]] = ()

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Job(TenantModel):
    """A long action. The row, not the queue's message, is the truth of it."""

    tenant_site = None
    handed_over = ("user",)

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=200, null=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    current = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=300, blank=True)
    result = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    run_after = models.DateTimeField(
        help_text="Not before this time: now, or the next try after a temporary error."
    )
    enqueued_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True, help_text="Names the execution that holds the row.")
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="job_idempotency_key"),
        ]
        indexes = [
            models.Index(
                fields=["run_after"], name="job_open", condition=models.Q(state__in=["pending", "running"])
            ),
            models.Index(fields=["account", "-created_at"], name="job_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def percent(self) -> int:
        if self.state == self.State.SUCCEEDED:
            return 100
        return min(100, self.current * 100 // self.total) if self.total else 0


class RateCounter(models.Model):
    """Requests of one key in the current minute. Unlogged: losing it in a crash costs a minute of counting."""

    key = models.CharField(max_length=100, primary_key=True)
    window = models.BigIntegerField()
    hits = models.IntegerField()

    def __str__(self) -> str:
        return self.key
