from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.billing.models import CreditEntry, CreditUsage, Operation
from apps.billing.services.usage import CURRENCY
from apps.core.rows import RowSerializer


class BalancePlanSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()


@extend_schema_serializer(many=False)  # a `list` route that answers with one object
class BalanceSerializer(serializers.Serializer):
    balance = serializers.IntegerField(help_text="The sum of all transactions.")
    held = serializers.IntegerField(help_text="Reserved by work that goes on; gone from the balance already.")
    available = serializers.IntegerField(help_text="What can be spent: the balance.")
    plan = BalancePlanSerializer(allow_null=True)
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    monthly_credits = serializers.IntegerField()


class TransactionSerializer(RowSerializer):
    operation = serializers.ChoiceField(
        Operation.choices, allow_blank=True, read_only=True, help_text="Empty: no work, such as a grant."
    )

    class Meta:
        model = CreditEntry
        fields = [
            "id",
            "amount",
            "balance_after",
            "kind",
            "reference",
            "operation",
            "note",
            "user",
            "created_at",
        ]
        read_only_fields = fields


class UsageSerializer(RowSerializer):
    currency = serializers.SerializerMethodField(help_text="Of `cost`.")

    class Meta:
        model = CreditUsage
        fields = ["id", "operation", "provider", "model", "tokens_in", "tokens_out", "cost", "currency",
                  "credits", "reference", "object_type", "object_id", "site", "user", "run_id",
                  "created_at"]  # fmt: skip
        read_only_fields = fields

    def get_currency(self, usage: CreditUsage) -> str:
        return CURRENCY


class UsageSumsSerializer(serializers.Serializer):
    count = serializers.IntegerField()
    credits = serializers.IntegerField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=20, decimal_places=6, help_text="In `currency`.")


class OperationSumsSerializer(UsageSumsSerializer):
    operation = serializers.CharField()


class UsageSummarySerializer(serializers.Serializer):
    currency = serializers.CharField()
    total = UsageSumsSerializer()
    operations = OperationSumsSerializer(many=True)


class LimitSerializer(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    percent = serializers.FloatField(allow_null=True)


class LimitsSerializer(serializers.Serializer):
    sites = LimitSerializer()
    users = LimitSerializer()
    keywords = LimitSerializer()
    content = LimitSerializer(help_text="Articles in the current period.")
    images = LimitSerializer(help_text="Images in the current period.")
    credits = LimitSerializer(help_text="Credits in the current period; the limit is the plan's.")
