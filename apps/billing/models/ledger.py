"""The ledger: immutable entries, the balance beside them, the lots they came from, and what was used.

Entries, holds and usage are written by every spend, so they have no index that another one covers: those that begin
with the account stand for the account's own, and a key that is mostly empty has a partial one.
"""

from django.conf import settings
from django.db import models

from apps.core.models import TenantModel


class Operation(models.TextChoices):
    CLUSTERING = "clustering"
    IDEA = "idea"
    CONTENT = "content"
    IMAGE_PROMPT = "image_prompt"
    IMAGE = "image"
    LINKING = "linking"
    OPTIMIZATION = "optimization"
    KEYWORD = "keyword"


class CreditBalance(TenantModel):
    """The sum of an account's entries, kept in the same transaction as each of them."""

    tenant_site = None

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.CASCADE, related_name="credit_balance"
    )
    balance = models.BigIntegerField(default=0)
    next_event_at = models.DateTimeField(
        help_text="A lot expires or a month begins: until then a spend needs to look at no lot."
    )
    low_mark = models.BigIntegerField(
        default=0, help_text="A fifth of the plan's monthly credits: below it is low."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(balance__gte=0), name="balance_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.balance} of {self.account_id}"


class CreditLot(TenantModel):
    """A grant; the first to expire is consumed first. `remaining` is as of the last event, not of now."""

    tenant_site = None

    class Kind(models.TextChoices):
        PLAN = "plan"
        PURCHASE = "purchase"
        ADJUSTMENT = "adjustment"
        RETURNED = "returned"

    kind = models.CharField(max_length=12, choices=Kind)
    amount = models.PositiveBigIntegerField()
    remaining = models.PositiveBigIntegerField()
    expires_at = models.DateTimeField(null=True)
    reference = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "reference"], name="lot_reference"),
            models.CheckConstraint(
                condition=models.Q(remaining__lte=models.F("amount")), name="lot_remaining_within_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class CreditEntry(TenantModel):
    """One movement. Never changed, never deleted."""

    tenant_site = None

    class Kind(models.TextChoices):
        GRANT = "grant"
        RESERVE = "reserve"
        SETTLE = "settle"
        RELEASE = "release"
        EXPIRE = "expire"
        ADJUST = "adjust"
        REFUND = "refund"
        CHARGE = "charge"
        RECLAIM = "reclaim"
        RESTORE = "restore"

    # No constraint: see docs/adr/ledger.md.
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    amount = models.BigIntegerField(help_text="Signed.")
    balance_after = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    reference = models.CharField(max_length=120)
    operation = models.CharField(max_length=20, choices=Operation, blank=True)
    note = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "credit entries"
        constraints = [models.UniqueConstraint(fields=["account", "reference", "kind"], name="entry_once")]
        indexes = [
            models.Index(fields=["account", "-id"], name="entry_account"),
            models.Index(fields=["user"], name="entry_user", condition=models.Q(user__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:+}"


class CreditHold(TenantModel):
    """A reserve that waits for its settle or release."""

    tenant_site = None

    class State(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"

    # No constraint: see docs/adr/ledger.md.
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    reference = models.CharField(max_length=100)
    attempt = models.PositiveIntegerField(
        default=1, help_text="Raised by each reserve: who holds an older one no longer owns it."
    )
    amount = models.PositiveBigIntegerField()
    operation = models.CharField(max_length=20, choices=Operation)
    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    expires_at = models.DateTimeField(help_text="Abandoned after this; released by the sweep.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "reference"], name="hold_once")]
        indexes = [
            models.Index(fields=["expires_at"], name="hold_open", condition=models.Q(state="held")),
            models.Index(fields=["account"], name="hold_open_account", condition=models.Q(state="held")),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount}"


class CreditUsage(TenantModel):
    """What a paid operation did and cost."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=20, choices=Operation)
    provider = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=100, blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text="The provider's, in USD."
    )
    credits = models.PositiveIntegerField(default=0)
    loss = models.PositiveIntegerField(default=0, help_text="Credits used beyond what could be taken: ours.")
    reference = models.CharField(max_length=120)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.BigIntegerField(null=True)
    site = models.ForeignKey(
        "accounts.Site", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    run_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "credit usage"
        constraints = [models.UniqueConstraint(fields=["account", "reference"], name="usage_once")]
        indexes = [
            models.Index(fields=["account", "-id"], name="usage_account"),
            models.Index(fields=["site"], name="usage_site", condition=models.Q(site__isnull=False)),
            models.Index(fields=["user"], name="usage_user", condition=models.Q(user__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.operation}: {self.credits}"


class CreditPrice(models.Model):
    """What an operation costs. Staff set it; what is not here costs the default of services/prices.py."""

    class Unit(models.TextChoices):
        FIXED = "fixed"
        PER_ITEM = "per_item"
        PER_100_ITEMS = "per_100_items"
        PER_100_WORDS = "per_100_words"
        PER_IMAGE = "per_image"
        PER_1000_TOKENS = "per_1000_tokens"

    operation = models.CharField(max_length=20, choices=Operation)
    model = models.CharField(max_length=100, blank=True, help_text="Only for this model; empty: for all.")
    unit = models.CharField(max_length=16, choices=Unit)
    credits = models.DecimalField(max_digits=10, decimal_places=4)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["operation", "model"], name="price_once")]

    def __str__(self) -> str:
        return f"{self.operation}: {self.credits} {self.unit}"


class CreditPriceChange(models.Model):
    """What a price was set to, when and by whom; `credits` None: set back to the default."""

    operation = models.CharField(max_length=20, choices=Operation)
    model = models.CharField(max_length=100, blank=True)
    unit = models.CharField(max_length=16, choices=CreditPrice.Unit)
    credits = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    old_unit = models.CharField(max_length=16, choices=CreditPrice.Unit, blank=True)
    old_credits = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.operation}: {self.old_credits} to {self.credits}"
