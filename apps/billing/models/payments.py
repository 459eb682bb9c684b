"""Money that came in, how it came, and what Stripe told us of it."""

from django.conf import settings
from django.db import models

from apps.billing.models.invoices import Invoice
from apps.core.models import TenantModel


class StripeCustomer(TenantModel):
    """Whom Stripe knows the account as."""

    tenant_site = None

    account = models.OneToOneField(
        "accounts.Account", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    customer_id = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.customer_id


class PaymentMethod(TenantModel):
    """A card that Stripe keeps, or the bank transfer, that the account prefers to pay with."""

    tenant_site = None

    class Kind(models.TextChoices):
        CARD = "card"
        BANK_TRANSFER = "bank_transfer"

    kind = models.CharField(max_length=16, choices=Kind)
    stripe_id = models.CharField(max_length=80, blank=True)
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(null=True)
    exp_year = models.PositiveSmallIntegerField(null=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-is_default", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "stripe_id"], name="payment_method_once"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_default=True), name="one_default_payment_method"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} •••• {self.last4}" if self.kind == self.Kind.CARD else "bank transfer"


class Payment(TenantModel):
    """One try to pay an invoice."""

    tenant_site = None

    class Method(models.TextChoices):
        STRIPE = "stripe"
        MANUAL = "manual"

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        REJECTED = "rejected"
        REFUNDED = "refunded"

    class DisputeState(models.TextChoices):
        """`inquiry`: the bank only asks. `open`: it has the money for now. `closed`: an inquiry came to nothing."""

        INQUIRY = "inquiry"
        OPEN = "open"
        WON = "won"
        LOST = "lost"
        CLOSED = "closed"

    invoice = models.ForeignKey(Invoice, on_delete=models.RESTRICT, related_name="payments")
    method = models.CharField(max_length=8, choices=Method)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=120, blank=True, help_text="What the transfer names.")
    notes = models.CharField(max_length=1000, blank=True)
    proof = models.FileField(upload_to="proofs/%Y/%m", blank=True)
    intent_id = models.CharField(max_length=80, null=True, unique=True, help_text="Stripe's PaymentIntent.")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed or was rejected.")
    surplus = models.BooleanField(
        default=False, help_text="The invoice was paid or void already: give it back."
    )
    refunded = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    charged_back = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="Of what was refunded: by lost disputes."
    )
    dispute = models.CharField(max_length=8, choices=DisputeState, blank=True)
    credits_missing = models.PositiveIntegerField(
        default=0, help_text="Credits that were spent when they were to be taken back with the money."
    )
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"],
                condition=models.Q(status="succeeded", surplus=False),
                name="invoice_paid_once",
            ),
            models.UniqueConstraint(
                fields=["invoice", "method"],
                condition=models.Q(status="pending"),
                name="one_pending_payment",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded__gte=0, refunded__lte=models.F("amount")), name="refunded_within"
            ),
        ]
        indexes = [models.Index(fields=["account", "-id"], name="payment_account")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} by {self.method}"


class Dispute(TenantModel):
    """A buyer's bank asks a payment back (a chargeback), as Stripe told when it was last asked."""

    tenant_site = None

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="disputes")
    stripe_id = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=8, choices=Payment.DisputeState)
    amount = models.DecimalField(max_digits=12, decimal_places=2, help_text="In the payment's currency.")
    reason = models.CharField(max_length=60, blank=True, help_text="Stripe's word for it.")
    credits_taken = models.PositiveIntegerField(default=0)
    credits_missing = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        indexes = [
            models.Index(
                fields=["payment"],
                name="dispute_open",
                condition=models.Q(state__in=["inquiry", "open"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.stripe_id}: {self.state}"


class StripeEvent(models.Model):
    """What Stripe sent, as it sent it, stored before it is handled. `account_id` None: of nobody here."""

    id = models.CharField(max_length=80, primary_key=True)
    type = models.CharField(max_length=80)
    account = models.ForeignKey("accounts.Account", null=True, on_delete=models.CASCADE, related_name="+")
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-received_at"]
        indexes = [models.Index(fields=["received_at"], name="stripe_event_received")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
