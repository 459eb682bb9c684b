"""The account, its plan and what the plan allows."""

from datetime import datetime
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.core.locales import day_text, moment_text, money_text
from apps.core.models import TenantModel, TenantQuerySet

# The parts of the product that an account may switch off: the apps of these names.
MODULES = ("planner", "writer", "linker", "optimizer", "publisher", "automation")


class Plan(models.Model):
    """What an account pays for. A limit of 0 means none."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, default=0, help_text="A month.")
    currency = models.CharField(max_length=3, default="USD")
    monthly_credits = models.PositiveIntegerField(default=0)
    rolls_over = models.BooleanField(default=False, help_text="Unused credits of a month stay.")
    max_sites = models.PositiveIntegerField(default=0)
    max_users = models.PositiveIntegerField(default=0)
    max_keywords = models.PositiveIntegerField(default=0)
    max_content = models.PositiveIntegerField(default=0, help_text="Articles a month.")
    max_images = models.PositiveIntegerField(default=0, help_text="Images a month.")
    is_default = models.BooleanField(default=False, help_text="New accounts begin here.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["price", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_plan"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """The tenant."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    name = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    disabled_modules = ArrayField(
        models.CharField(max_length=20), default=list, blank=True, help_text="What is switched off."
    )
    timezone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=16, default="en", help_text="A language code, such as en or pt-BR.")
    # What stands on invoices.
    billing_name = models.CharField(max_length=160, blank=True)
    billing_line1 = models.CharField(max_length=160, blank=True)
    billing_line2 = models.CharField(max_length=160, blank=True)
    billing_city = models.CharField(max_length=100, blank=True)
    billing_region = models.CharField(max_length=100, blank=True)
    billing_postal_code = models.CharField(max_length=20, blank=True)
    billing_country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1: two letters.")
    tax_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return self.name

    def day(self, moment: datetime) -> str:
        """The day of a moment where the account is, in its language."""
        return day_text(moment, timezone=self.timezone, locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """The day, the time and the zone."""
        return moment_text(moment, timezone=self.timezone, locale=self.locale)

    def money(self, amount: Decimal, currency: str) -> str:
        return money_text(amount, currency, locale=self.locale)


class Subscription(TenantModel):
    """An account's plan. Periods are months from `anchor`; there is no state to advance."""

    tenant_site = None

    class Status(models.TextChoices):
        ACTIVE = "active"
        ENDED = "ended"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    anchor = models.DateTimeField(default=timezone.now)
    paid_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Periods from here on are to be paid first; empty: nothing is to be paid.",
    )
    next_plan = models.ForeignKey(
        Plan,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What it becomes at the end of what is paid.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(status="active"), name="one_active_subscription"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.plan_id}"

    def period_at(self, moment: datetime) -> tuple[datetime, datetime]:
        """Start and end of the month that holds `moment`; a moment before the anchor is in the first one."""
        months = max(0, (moment.year - self.anchor.year) * 12 + moment.month - self.anchor.month)
        if months and self.anchor + relativedelta(months=months) > moment:
            months -= 1
        return self.anchor + relativedelta(months=months), self.anchor + relativedelta(months=months + 1)


class LimitCounter(TenantModel):
    """How much of a limited resource an account has. `period` is '' or the start of the month it counts."""

    tenant_site = None

    resource = models.CharField(max_length=20)
    period = models.CharField(max_length=10, default="", blank=True)
    used = models.PositiveIntegerField(default=0)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "resource", "period"], name="limit_counter_key"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.account_id}: {self.used}"
