from io import BytesIO

from django.conf import settings
from PIL import Image, UnidentifiedImageError
from rest_framework import serializers

from apps.accounts.models import Plan
from apps.billing.models import CreditPackage, Invoice, InvoiceLine, Payment, PaymentMethod
from apps.core.serializers import IdRelatedField, TenantRelatedField, TenantSerializer

MAX_PROOF_BYTES = 10 * 1024 * 1024
PICTURES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


class CreditPackageSerializer(serializers.ModelSerializer):
    valid_days = serializers.IntegerField(allow_null=True, help_text="null: the credits do not expire.")

    class Meta:
        model = CreditPackage
        fields = ["id", "name", "slug", "credits", "price", "currency", "valid_days"]
        read_only_fields = fields


class InvoiceLineSerializer(serializers.ModelSerializer):
    class Meta:
        model = InvoiceLine
        fields = ["id", "kind", "description", "quantity", "unit_price", "amount", "credits", "plan",
                  "period_start", "period_end"]  # fmt: skip
        read_only_fields = fields


class InvoiceSerializer(TenantSerializer):
    number = serializers.CharField(allow_null=True, read_only=True, help_text="null: a draft has none yet.")
    lines = InvoiceLineSerializer(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields = ["id", "number", "kind", "status", "currency", "subtotal", "tax_name", "tax_percent", "tax",
                  "total", "note", "corrects", "issued_at", "due_at", "paid_at", "created_at", "lines"]  # fmt: skip
        read_only_fields = fields


class PaymentSerializer(TenantSerializer):
    invoice_number = serializers.CharField(source="invoice.number", allow_null=True, read_only=True)
    has_proof = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields = ["id", "invoice", "invoice_number", "method", "status", "amount", "currency", "refunded", "dispute",
                  "reference", "notes", "has_proof", "reason", "paid_at", "reviewed_at", "created_at"]  # fmt: skip
        read_only_fields = fields

    def get_has_proof(self, payment: Payment) -> bool:
        return bool(payment.proof)


class MethodNameSerializer(serializers.Serializer):
    payment_method = serializers.ChoiceField(
        Payment.Method.choices, required=False, help_text="Default: stripe where it is set up, else manual."
    )

    def validate(self, attrs: dict) -> dict:
        default = Payment.Method.STRIPE if settings.STRIPE_SECRET_KEY else Payment.Method.MANUAL
        attrs.setdefault("payment_method", default)
        return attrs


class CheckoutSerializer(serializers.Serializer):
    invoice = InvoiceSerializer(allow_null=True)
    payment = PaymentSerializer(
        allow_null=True, help_text="null: nothing is under way yet, as with a transfer."
    )
    client_secret = serializers.CharField(
        allow_null=True, help_text="Stripe's, with which the browser confirms the payment."
    )
    instructions = serializers.CharField(help_text="Of a transfer: where to, and what to name.")


class ManualPaymentSerializer(serializers.Serializer):
    invoice_id = TenantRelatedField(queryset=Invoice.objects.all())
    reference = serializers.CharField(
        max_length=120, help_text="What the transfer names, or the bank's own number."
    )
    notes = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    proof = serializers.FileField(required=False, help_text="PDF, JPEG, PNG or WebP of at most 10 MiB.")

    def validate_proof(self, file):
        if file.size > MAX_PROOF_BYTES:
            raise serializers.ValidationError("The file may hold at most 10 MiB.")
        start = file.read()
        file.seek(0)
        suffix = ".pdf" if start.startswith(b"%PDF-") else _picture(start)
        if suffix is None:
            raise serializers.ValidationError("Send a PDF, JPEG, PNG or WebP.")
        file.name = f"proof{suffix}"
        return file


def _picture(data: bytes) -> str | None:
    try:
        with Image.open(BytesIO(data), formats=list(PICTURES)) as image:
            return PICTURES[image.format]
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


class AvailableMethodSerializer(serializers.Serializer):
    method = serializers.ChoiceField(Payment.Method.choices)
    name = serializers.CharField()
    publishable_key = serializers.CharField(help_text="Of Stripe, for the browser; else empty.")
    instructions = serializers.CharField()


class PaymentMethodSerializer(serializers.ModelSerializer):
    payment_method_id = serializers.RegexField(
        r"^(pm|card|src)_[A-Za-z0-9_]{1,70}$",
        write_only=True,
        required=False,
        error_messages={"invalid": "Give the id of a PaymentMethod of Stripe, as pm_…"},
        help_text="Of a card: what Stripe gave the browser. No card number ever comes here.",
    )
    is_default = serializers.BooleanField(required=False, default=False)

    class Meta:
        model = PaymentMethod
        fields = ["id", "kind", "payment_method_id", "brand", "last4", "exp_month", "exp_year", "is_default",
                  "created_at"]  # fmt: skip
        read_only_fields = ["id", "brand", "last4", "exp_month", "exp_year", "created_at"]

    def validate(self, attrs: dict) -> dict:
        is_card = attrs["kind"] == PaymentMethod.Kind.CARD
        if is_card != bool(attrs.get("payment_method_id")):
            message = "A card needs it." if is_card else "Only a card has one."
            raise serializers.ValidationError({"payment_method_id": [message]})
        return attrs


class PlanIdSerializer(MethodNameSerializer):
    plan_id = IdRelatedField(queryset=Plan.objects.filter(is_active=True))


class QuoteSerializer(serializers.Serializer):
    plan = serializers.IntegerField(source="plan.pk")
    plan_name = serializers.CharField(source="plan.name")
    at_once = serializers.BooleanField(help_text="As soon as it is paid; else at `effective`.")
    effective = serializers.DateTimeField()
    amount = serializers.DecimalField(
        max_digits=12, decimal_places=2, help_text="To be paid now, without tax."
    )
    currency = serializers.CharField(source="plan.currency")
    credits = serializers.IntegerField(help_text="Those that it brings with the payment.")


class PlanChangeSerializer(CheckoutSerializer):
    change = QuoteSerializer()
