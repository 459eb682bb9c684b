from rest_framework import serializers

from apps.accounts.models import Account, Invitation, Site, SiteAccess, Subscription, User
from apps.accounts.serializers.catalogue import PlanSerializer
from apps.accounts.serializers.fields import a_country, a_language, a_timezone
from apps.core.rows import RowSerializer
from apps.core.serializers import IdsField, TenantRelatedField, TenantSerializer


class UserEditSerializer(RowSerializer):
    """A user of the account, as owners and admins see and change them."""

    class Meta:
        model = User
        fields = ["id", "email", "first_name", "last_name", "role", "all_sites", "is_active", "email_verified_at",
                  "date_joined", "last_login"]  # fmt: skip
        read_only_fields = ["email", "email_verified_at", "date_joined", "last_login"]


class UserCreateSerializer(serializers.ModelSerializer):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=256, trim_whitespace=False)

    class Meta:
        model = User
        fields = ["email", "password", "first_name", "last_name", "role", "all_sites"]


class HeirSerializer(serializers.Serializer):
    hand_over_to = TenantRelatedField(
        queryset=User.objects.all(), required=False,
        help_text="The user who gets what this one owned; without it: you.",
    )  # fmt: skip


class InvitationSerializer(TenantSerializer):
    invited_by = serializers.EmailField(source="invited_by.email", read_only=True, default=None)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "all_sites", "site_ids", "status", "invited_by", "created_at",
                  "expires_at", "accepted_at"]  # fmt: skip
        read_only_fields = fields


class InviteSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=User.Role, default=User.Role.VIEWER)
    all_sites = serializers.BooleanField(required=False)
    site_ids = IdsField(
        required=False, allow_empty=True, help_text="The sites to be seen, where not all are."
    )

    def validate(self, attrs: dict) -> dict:
        attrs.setdefault("all_sites", "site_ids" not in attrs)
        return attrs


class AcceptSerializer(serializers.Serializer):
    token = serializers.CharField(max_length=1000, help_text="Of the link in the mail.")
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    first_name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=80, required=False, allow_blank=True)


class SiteAccessSerializer(TenantSerializer):
    user = TenantRelatedField(queryset=User.objects.all())
    site = TenantRelatedField(queryset=Site.objects.all())
    user_email = serializers.EmailField(source="user.email", read_only=True)
    site_name = serializers.CharField(source="site.name", read_only=True)

    class Meta:
        model = SiteAccess
        fields = ["id", "user", "user_email", "site", "site_name", "created_at"]
        validators: list = []  # granting twice is no error


class SubscriptionSerializer(TenantSerializer):
    plan = PlanSerializer()
    period_start = serializers.DateTimeField(help_text="Of the month that runs, or ran last.")
    period_end = serializers.DateTimeField()

    class Meta:
        model = Subscription
        fields = ["id", "plan", "status", "anchor", "period_start", "period_end", "created_at"]
        read_only_fields = fields

    def to_representation(self, instance: Subscription) -> dict:
        instance.period_start, instance.period_end = instance.period_at(self.context["now"])
        return super().to_representation(instance)


class BillingAddressSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="billing_name", max_length=160, allow_blank=True, required=False)
    line1 = serializers.CharField(source="billing_line1", max_length=160, allow_blank=True, required=False)
    line2 = serializers.CharField(source="billing_line2", max_length=160, allow_blank=True, required=False)
    city = serializers.CharField(source="billing_city", max_length=100, allow_blank=True, required=False)
    region = serializers.CharField(source="billing_region", max_length=100, allow_blank=True, required=False)
    postal_code = serializers.CharField(
        source="billing_postal_code", max_length=20, allow_blank=True, required=False
    )
    country = serializers.CharField(
        source="billing_country", max_length=2, allow_blank=True, required=False, validators=[a_country]
    )

    class Meta:
        model = Account
        fields = ["name", "line1", "line2", "city", "region", "postal_code", "country"]


class AccountSettingsSerializer(serializers.ModelSerializer):
    billing_address = BillingAddressSerializer(source="*", required=False)

    class Meta:
        model = Account
        fields = ["name", "timezone", "locale", "tax_id", "billing_address"]
        extra_kwargs = {"timezone": {"validators": [a_timezone]}, "locale": {"validators": [a_language]}}

    def update(self, instance: Account, validated_data: dict) -> Account:
        # Nested only in the answer: the address is columns of the account.
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance


class StaffUserSerializer(serializers.ModelSerializer):
    """An account as staff see it in their list."""

    credits = serializers.IntegerField(help_text="After the account's last movement.")
    plan = serializers.CharField(allow_null=True, help_text="The plan's slug.")
    owner_email = serializers.EmailField(allow_null=True)
    users = serializers.IntegerField(source="user_count", help_text="How many.")
    sites = serializers.IntegerField(source="site_count", help_text="How many.")

    class Meta:
        model = Account
        fields = ["id", "name", "status", "credits", "plan", "owner_email", "users", "sites", "created_at"]
