import re

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.fields import masked
from apps.core.http import AddressRefused, check_url
from apps.core.rows import RowSerializer
from apps.intelligence.models import AIModel, PromptVersion, ProviderSettings
from apps.intelligence.services.providers import provider_in_use

MAX_TEMPLATE = 20_000
_PRINTABLE = re.compile(r"[!-~]*")
_ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f]*$", "It must be one line.")


class AIModelSerializer(RowSerializer):
    default = serializers.BooleanField(
        source="is_chosen", read_only=True, help_text="What work of its kind is done with now."
    )

    class Meta:
        model = AIModel
        fields = ["id", "name", "provider", "kind", "testing", "default"]


class InUseSerializer(serializers.Serializer):
    provider = serializers.CharField()
    model = serializers.CharField()
    source = serializers.ChoiceField(["account", "platform", "offline"])


@extend_schema_field({"type": "string", "maxLength": 500, "example": "••••a1b2"})
class MaskedKeyField(serializers.CharField):
    """Shown as its last four characters; sent back like that, it stays as it is."""

    def __init__(self, **kwargs):
        super().__init__(
            required=False,
            allow_blank=True,
            max_length=500,
            help_text="Shown masked. Left out or sent back masked it stays; empty, it is removed.",
            **kwargs,
        )

    def to_representation(self, value: str) -> str:
        return masked(value)

    def run_validation(self, data=serializers.empty):
        if isinstance(data, str) and data.startswith("••••"):
            raise serializers.SkipField
        return super().run_validation(data)

    def to_internal_value(self, data) -> str:
        key = super().to_internal_value(data)
        if not _PRINTABLE.fullmatch(key):  # no validator, for the masked key that is shown has others
            raise serializers.ValidationError("It holds characters that no key has. Paste it again.")
        return key


class ProviderFields(serializers.Serializer):
    """What may be set of a provider. Only what is sent is changed."""

    api_key = MaskedKeyField()
    base_url = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=300,
        help_text="Of a server that speaks the same API; empty: the provider's own.",
    )
    model = serializers.CharField(
        required=False, allow_blank=True, max_length=100, validators=[_ONE_LINE],
        help_text="Empty: the platform's default of this provider.",
    )  # fmt: skip

    def validate_base_url(self, value: str) -> str:
        if value:
            try:
                check_url(value)
            except AddressRefused as error:
                raise serializers.ValidationError(str(error)) from None
        return value.rstrip("/")


class ProviderSettingsSerializer(ProviderFields):
    enabled = serializers.BooleanField(required=False, help_text="false: the platform's provider is used.")
    testing_model = serializers.CharField(
        required=False, allow_blank=True, max_length=100, validators=[_ONE_LINE]
    )
    in_use = serializers.SerializerMethodField(help_text="Who does this work now.")
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_in_use(self, row: ProviderSettings) -> InUseSerializer:
        return provider_in_use(account_id=row.account_id, kind=row.kind)


class ImageSettingsSerializer(ProviderSettingsSerializer):
    testing_model = None
    size = serializers.ChoiceField(ProviderSettings.Size.choices, required=False)


class ProviderTestSerializer(ProviderFields):
    integration = serializers.ChoiceField(
        ProviderSettings.Kind.choices,
        default=ProviderSettings.Kind.OPENAI,
        help_text="Which settings to test.",
    )


class ProviderTestedSerializer(serializers.Serializer):
    provider = serializers.CharField()
    model = serializers.CharField()
    ms = serializers.IntegerField()


class PromptSerializer(serializers.Serializer):
    prompt_type = serializers.CharField(read_only=True)
    template = serializers.CharField(max_length=MAX_TEMPLATE, trim_whitespace=False)
    default_template = serializers.CharField(read_only=True)
    is_default = serializers.BooleanField(read_only=True)
    version = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1,
        help_text="0: never changed. Sent along, a save fails with 409 when somebody saved another meanwhile.",
    )  # fmt: skip
    variables = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What may stand in the template, as {name}."
    )
    needed_variables = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What must stand in it."
    )
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)


class PromptVersionSerializer(serializers.ModelSerializer):
    is_default = serializers.SerializerMethodField(help_text="A reset: the default was in force.")
    created_by = serializers.CharField(source="created_by.email", default=None, read_only=True)

    class Meta:
        model = PromptVersion
        fields = ["version", "template", "is_default", "created_by", "created_at"]
        read_only_fields = fields

    def get_is_default(self, row: PromptVersion) -> bool:
        return not row.template


class DiffQuerySerializer(serializers.Serializer):
    old = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    new = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)


class PromptDiffSerializer(serializers.Serializer):
    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField()
    before = serializers.CharField()
    after = serializers.CharField()
    diff = serializers.CharField(help_text="A unified diff; empty when they are alike.")
