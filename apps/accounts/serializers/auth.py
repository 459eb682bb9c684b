from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from rest_framework import serializers

from apps.accounts.models import Account, User
from apps.core.rows import RowSerializer


class AccountSerializer(RowSerializer):
    class Meta:
        model = Account
        fields = ["id", "name", "status", "created_at"]
        read_only_fields = ["status"]


class UserSerializer(RowSerializer):
    class Meta:
        model = User
        fields = ["id", "email", "first_name", "last_name", "role", "all_sites", "is_active", "email_verified_at",
                  "date_joined"]  # fmt: skip
        read_only_fields = fields


class RegisterSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    first_name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    account_name = serializers.CharField(max_length=120, required=False, allow_blank=True)


class LoginSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=256, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField(max_length=4096)


class TokensSerializer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()


class LoggedInSerializer(TokensSerializer):
    user = UserSerializer()
    account = AccountSerializer(allow_null=True)


def _own_password(serializer: serializers.Serializer, value: str) -> str:
    """Goes through the log-in, so that guessing with a stolen token is locked too."""
    request = serializer.context["request"]
    if authenticate(request._request, username=request.user.email, password=value) is None:
        raise serializers.ValidationError("This is not your password.")
    return value


class PasswordChangeSerializer(serializers.Serializer):
    old_password = serializers.CharField(max_length=256, trim_whitespace=False)
    new_password = serializers.CharField(max_length=256, trim_whitespace=False)

    def validate_old_password(self, value: str) -> str:
        return _own_password(self, value)

    def validate_new_password(self, value: str) -> str:
        validate_password(value, self.context["request"].user)
        return value


class PasswordResetSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254)


class PasswordResetConfirmSerializer(serializers.Serializer):
    token = serializers.CharField(max_length=1000, help_text="Of the link in the mail.")
    new_password = serializers.CharField(max_length=256, trim_whitespace=False)


class EmailChangeSerializer(serializers.Serializer):
    email = serializers.EmailField(max_length=254, help_text="The new address.")
    password = serializers.CharField(max_length=256, trim_whitespace=False)

    def validate_password(self, value: str) -> str:
        return _own_password(self, value)


class EmailConfirmSerializer(serializers.Serializer):
    token = serializers.CharField(max_length=1000, help_text="Of the link in the mail.")


class RoleSerializer(serializers.Serializer):
    name = serializers.CharField()
    description = serializers.CharField()
