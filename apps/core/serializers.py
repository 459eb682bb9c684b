"""Serializer parts that know the tenant."""

from rest_framework import serializers

from apps.core.rows import RowSerializer
from apps.core.tenancy import Tenant


class IdRelatedField(serializers.PrimaryKeyRelatedField):
    """An id is a whole number: 2.5 is not 2."""

    def to_internal_value(self, data):
        if isinstance(data, float) or (isinstance(data, str) and not data.isdecimal()):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class TenantRelatedField(IdRelatedField):
    """A related row of the caller's own account and sites. A foreign id does not exist: 400 naming the field."""

    def get_queryset(self):
        tenant: Tenant = self.context["request"].tenant
        return super().get_queryset().for_tenant(tenant)


class TenantSerializer(RowSerializer):
    """Related fields are scoped; those that name a site must agree on it."""

    serializer_related_field = TenantRelatedField

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        site = attrs.get("site") or getattr(self.instance, "site", None)
        if site is not None:
            for name, value in attrs.items():
                other = getattr(value, "site_id", None) if name != "site" else None
                if other is not None and other != site.pk:
                    raise serializers.ValidationError(
                        {name: [f"It belongs to another site than site {site.pk}."]}
                    )
        return attrs


class IdsField(serializers.ListField):
    """1 to 10,000 ids."""

    def __init__(self, **kwargs):
        kwargs.setdefault("child", serializers.IntegerField(min_value=1, max_value=2**63 - 1))
        kwargs.setdefault("allow_empty", False)
        kwargs.setdefault("max_length", 10_000)
        super().__init__(**kwargs)

    def to_internal_value(self, data) -> list[int]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class IdsSerializer(serializers.Serializer):
    ids = IdsField(help_text="1 to 10,000 ids of the account; what is not there is a 400.")


class TaskIdSerializer(serializers.Serializer):
    task_id = serializers.UUIDField(help_text="Ask system/tasks/{task_id}/ for its progress and result.")


class CountSerializer(serializers.Serializer):
    deleted = serializers.IntegerField(required=False)
    updated = serializers.IntegerField(required=False)


class KnownFields:
    """A mixin: a name that there is not is refused, for a setting that is misspelt must not be lost in silence."""

    def to_internal_value(self, data):
        if isinstance(data, dict) and (
            unknown := sorted(str(name) for name in data if name not in self.fields)
        ):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name[:60]: [f"There is no such name; there are {known}."] for name in unknown[:20]}
            )
        return super().to_internal_value(data)
