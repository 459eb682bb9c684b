from decimal import Decimal

from rest_framework import serializers

from apps.billing.models import CreditPrice, CreditPriceChange, Operation, Payment
from apps.billing.serializers.invoices import InvoiceSerializer, PaymentSerializer
from apps.billing.services.prices import DEFAULTS

MOST = 10**9


class StaffInvoiceSerializer(InvoiceSerializer):
    account_name = serializers.CharField(source="account.name", read_only=True)

    class Meta(InvoiceSerializer.Meta):
        fields = ["account", "account_name", *InvoiceSerializer.Meta.fields]
        read_only_fields = fields


class StaffPaymentSerializer(PaymentSerializer):
    account_name = serializers.CharField(source="account.name", read_only=True)
    surplus = serializers.BooleanField(read_only=True, help_text="Paid for nothing: give it back.")

    class Meta(PaymentSerializer.Meta):
        model = Payment
        fields = [
            "account",
            "account_name",
            *PaymentSerializer.Meta.fields,
            "surplus",
            "charged_back",
            "credits_missing",
            "reviewed_by",
        ]
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=300, help_text="The account reads it.")


class AdjustSerializer(ReasonSerializer):
    amount = serializers.IntegerField(
        min_value=-MOST, max_value=MOST, help_text="Credits to give; negative to take, at most what is there."
    )

    def validate_amount(self, amount: int) -> int:
        if not amount:
            raise serializers.ValidationError("Give an amount other than 0.")
        return amount


class AdjustedSerializer(serializers.Serializer):
    account = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="Signed; what was taken is at most what was there.")
    balance = serializers.IntegerField()


class MoneySumsSerializer(serializers.Serializer):
    currency = serializers.CharField()
    paid = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="Invoices paid in the range.")
    credited = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="Credit notes, negative.")
    tax = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="Of both together.")
    open = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="Issued and unpaid, now.")
    monthly = serializers.DecimalField(max_digits=20, decimal_places=2, help_text="Of the paid plans, now.")


class BillingStatsSerializer(serializers.Serializer):
    date_from = serializers.DateField()
    date_to = serializers.DateField()
    money = MoneySumsSerializer(many=True)
    pending_payments = serializers.IntegerField()
    surplus_payments = serializers.IntegerField(help_text="To be given back.")
    open_disputes = serializers.IntegerField(help_text="Payments that a bank disputes, or asks about.")
    paid_plans = serializers.IntegerField()
    credits_granted = serializers.IntegerField()
    credits_used = serializers.IntegerField()
    credits_lost = serializers.IntegerField(help_text="Used beyond what could be taken: ours.")
    credits_balance = serializers.IntegerField(help_text="Of all accounts, now.")
    provider_cost = serializers.DecimalField(max_digits=20, decimal_places=6, help_text="In USD.")


class StatsRangeSerializer(serializers.Serializer):
    date_from = serializers.DateField(required=False, help_text="A day in UTC; default: 30 days ago.")
    date_to = serializers.DateField(required=False, help_text="A day in UTC, included; default: today.")


class CostSerializer(serializers.Serializer):
    operation = serializers.ChoiceField(Operation.choices)
    model = serializers.CharField(
        max_length=100,
        required=False,
        default="",
        allow_blank=True,
        help_text="Only for this model; empty: all.",
    )
    unit = serializers.ChoiceField(CreditPrice.Unit.choices, required=False)
    credits = serializers.DecimalField(
        max_digits=10,
        decimal_places=4,
        min_value=Decimal(0),
        allow_null=True,
        help_text="null: back to the default.",
    )

    def validate_operation(self, operation: str) -> str:
        if operation not in DEFAULTS:
            raise serializers.ValidationError("It has no price: each of its things brings its own.")
        return operation

    def validate(self, attrs: dict) -> dict:
        if attrs["credits"] is not None and "unit" not in attrs:
            raise serializers.ValidationError({"unit": ["Say what the credits are for."]})
        return attrs


class CostRowSerializer(serializers.Serializer):
    operation = serializers.CharField()
    model = serializers.CharField(help_text="Empty: all models.")
    unit = serializers.ChoiceField(CreditPrice.Unit.choices)
    credits = serializers.DecimalField(max_digits=10, decimal_places=4)
    is_default = serializers.BooleanField(help_text="Not set by staff.")
    updated_at = serializers.DateTimeField(allow_null=True)


class CostChangeSerializer(serializers.ModelSerializer):
    user_email = serializers.CharField(source="user.email", default=None, read_only=True)

    class Meta:
        model = CreditPriceChange
        fields = ["id", "operation", "model", "unit", "credits", "old_unit", "old_credits", "user", "user_email",
                  "created_at"]  # fmt: skip
        read_only_fields = fields
