from rest_framework import serializers

from apps.accounts.models import TelegramInvite, TelegramRole, TelegramSubscriber

NAME = r"^[\w][\w.:-]{0,49}$"
LANGUAGE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"


class ChatField(serializers.IntegerField):
    """A chat's id: 64 bits, negative for groups."""

    def __init__(self, **kwargs):
        super().__init__(min_value=-(2**63), max_value=2**63 - 1, **kwargs)


class NamesField(serializers.ListField):
    """Names of permissions or topics, each once, in the order given."""

    def __init__(self, **kwargs):
        super().__init__(child=serializers.RegexField(NAME), max_length=100, **kwargs)

    def to_internal_value(self, data) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class SubscriberSerializer(serializers.ModelSerializer):
    class Meta:
        model = TelegramSubscriber
        fields = ["id", "chat_id", "name", "slug", "role", "permissions", "subscriptions", "language", "is_active",
                  "created_at", "updated_at"]  # fmt: skip


class SubscriberSaveSerializer(serializers.Serializer):
    """What is left out, or null, stays as it is."""

    chat_id = ChatField()
    name = serializers.CharField(max_length=200, required=False, allow_null=True, allow_blank=True)
    slug = serializers.CharField(max_length=64, required=False, allow_null=True, allow_blank=True)
    role = serializers.ChoiceField(TelegramRole.choices, required=False)
    permissions = NamesField(required=False)
    subscriptions = NamesField(required=False)
    language = serializers.RegexField(LANGUAGE, max_length=35, required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)

    def validate(self, attrs: dict) -> dict:
        return {name: value for name, value in attrs.items() if value is not None}


class SubscriberListSerializer(serializers.Serializer):
    role = serializers.ChoiceField(TelegramRole.choices, required=False)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
    topic = serializers.CharField(max_length=50, required=False)
    search = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="In name and slug."
    )
    ordering = serializers.ChoiceField(
        ["id", "-id", "name", "-name", "created_at", "-created_at"], required=False, default="id"
    )
    limit = serializers.IntegerField(min_value=1, default=1000, help_text="At most 1,000.")
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class RoleSerializer(serializers.Serializer):
    role = serializers.ChoiceField(TelegramRole.choices)


class PermissionsSerializer(serializers.Serializer):
    permissions = NamesField()


class TopicSerializer(serializers.Serializer):
    topic = serializers.RegexField(NAME)


class LanguageSerializer(serializers.Serializer):
    language = serializers.RegexField(LANGUAGE, max_length=35)


class InviteSerializer(serializers.ModelSerializer):
    claimed_by = serializers.IntegerField(
        source="claimed_by.chat_id",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="The chat of who claimed it.",
    )

    class Meta:
        model = TelegramInvite
        fields = ["id", "username", "name", "role", "permissions", "created_at", "expires_at", "claimed_at",
                  "claimed_by"]  # fmt: skip


class InviteListSerializer(serializers.Serializer):
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: neither claimed nor expired."
    )
    role = serializers.ChoiceField(TelegramRole.choices, required=False)
    search = serializers.CharField(max_length=200, required=False, help_text="In user name and name.")
    ordering = serializers.ChoiceField(["-id", "id", "username", "-username"], required=False, default="-id")
    limit = serializers.IntegerField(min_value=1, default=1000, help_text="At most 1,000.")
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class InviteCreateSerializer(serializers.Serializer):
    username = serializers.RegexField(r"^\s*@?[A-Za-z0-9_]{1,64}\s*$")
    password = serializers.CharField(min_length=8, max_length=256, trim_whitespace=False)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    role = serializers.ChoiceField(TelegramRole.choices, default=TelegramRole.ADMIN)
    permissions = NamesField(required=False)


class InviteClaimSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=64)
    password = serializers.CharField(max_length=256, trim_whitespace=False)
    chat_id = ChatField()
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)


class InitDataSerializer(serializers.Serializer):
    init_data = serializers.CharField(
        max_length=16_384, trim_whitespace=False, help_text="`window.Telegram.WebApp.initData`, as it is."
    )


class WebAppUserSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="ok")
    user = SubscriberSerializer()
    access = serializers.CharField(
        help_text="A JWT: `Authorization: Bearer …` in place of the internal token, as far as the role reaches."
    )
    expires_at = serializers.DateTimeField()


class StatusSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="ok")
