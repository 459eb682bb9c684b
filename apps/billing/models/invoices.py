"""What is sold, and the papers of it: packages, invoices and credit notes."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from apps.accounts.models import Plan
from apps.core.models import TenantModel

PERCENT = [MinValueValidator(0), MaxValueValidator(100)]
CURRENCY = [RegexValidator(r"^[A-Z]{3}$", "Three capital letters, as in EUR.")]
COUNTRY = [RegexValidator(r"^([A-Z]{2})?$", "Two capital letters, as in DE; empty: all others.")]


class CreditPackage(models.Model):
    """Credits that can be bought. Staff offer them."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    credits = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    price = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[MinValueValidator(0)], help_text="Without tax."
    )
    currency = models.CharField(max_length=3, default="USD", validators=CURRENCY)
    valid_days = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: they do not expire."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["price", "id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.credits:,} credits"


class TaxRate(models.Model):
    """What is added to prices for buyers of a country."""

    country = models.CharField(
        max_length=2, blank=True, unique=True, validators=COUNTRY, help_text="Empty: all other countries."
    )
    name = models.CharField(max_length=40, default="VAT")
    percent = models.DecimalField(max_digits=5, decimal_places=2, validators=PERCENT)
    reverse_charge = models.BooleanField(
        default=False, help_text="A buyer with a tax id owes the tax, and pays none to us."
    )

    class Meta:
        ordering = ["country"]

    def __str__(self) -> str:
        return f"{self.country or 'other countries'}: {self.percent} % {self.name}"


class InvoiceSeries(models.Model):
    """Numbers without gaps. The row is locked from the taking of a number to the end of that transaction."""

    code = models.CharField(max_length=20, primary_key=True, help_text="Such as INV-2026.")
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"

    def __str__(self) -> str:
        return f"{self.code}-{self.last:06}"


class Invoice(TenantModel):
    """An invoice or a credit note. Once it has its number nothing on it changes but its status."""

    tenant_site = None

    class Kind(models.TextChoices):
        INVOICE = "invoice"
        CREDIT_NOTE = "credit_note"

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        VOID = "void"

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.INVOICE)
    status = models.CharField(max_length=6, choices=Status, default=Status.DRAFT)
    series = models.CharField(max_length=20, blank=True)
    sequence = models.PositiveIntegerField(null=True)
    number = models.CharField(max_length=40, null=True, unique=True)
    reference = models.CharField(max_length=120, help_text="What it is for: the same is never billed twice.")
    currency = models.CharField(max_length=3)
    subtotal = models.DecimalField(max_digits=12, decimal_places=2)
    tax_name = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    tax = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    note = models.CharField(max_length=300, blank=True)
    seller = models.JSONField(default=dict, help_text="As it was when the number was given; the buyer too.")
    buyer = models.JSONField(default=dict)
    corrects = models.ForeignKey("self", null=True, on_delete=models.RESTRICT, related_name="credit_notes")
    issued_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "reference"], name="invoice_once"),
            models.UniqueConstraint(fields=["series", "sequence"], name="invoice_sequence"),
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "void"]) | models.Q(number__isnull=False),
                name="invoice_numbered",
            ),
        ]
        indexes = [models.Index(fields=["account", "-id"], name="invoice_account")]

    def __str__(self) -> str:
        return self.number or f"draft {self.pk}"


class InvoiceLine(TenantModel):
    """What is billed, and what its payment brings: `credits`, or the `plan` for the span."""

    tenant_site = None

    class Kind(models.TextChoices):
        PACKAGE = "package"
        PLAN = "plan"
        UPGRADE = "upgrade"

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    kind = models.CharField(max_length=10, choices=Kind)
    description = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    credits = models.PositiveIntegerField(default=0)
    valid_days = models.PositiveIntegerField(null=True)
    plan = models.ForeignKey(Plan, null=True, on_delete=models.PROTECT, related_name="+")
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.description
