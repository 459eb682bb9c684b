"""The automation part of a site's settings, as the routes of automation and the unified settings both show it."""

import re

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import KnownFields
from apps.integration.models import LIMIT_FIELDS, STAGES, WEEKDAYS, SiteSettings
from apps.integration.services.run_times import next_run_at
from apps.integration.services.settings import settings_change

_STAGE_FIELD = re.compile(r"stage_(\d)_(enabled|batch_size)")
_LIMITS = {name: number for number, name in LIMIT_FIELDS.items()}
MAX_BATCH = 1000
MAX_PER_RUN = 1_000_000


class DaysField(serializers.ListField):
    """Days of the week, each once and in their order."""

    child = serializers.ChoiceField(WEEKDAYS)

    def to_internal_value(self, data) -> list[str]:
        days = super().to_internal_value(data)
        return [day for day in WEEKDAYS if day in days]


class SettingsSerializer(KnownFields, serializers.ModelSerializer):
    """A part of a site's settings. `stages_named` of what is validated holds what stages are to be, by their number."""

    def update(self, settings: SiteSettings, validated_data: dict) -> SiteSettings:
        values = dict(validated_data)
        stages = values.pop("stages_named", None)
        return settings_change(
            site_id=settings.site_id, account_id=settings.account_id, values=values, stages=stages
        )


class AutomationConfigSerializer(SettingsSerializer):
    """When runs start; a stage is `stage_N_enabled`, `stage_N_batch_size`, `max_…_per_run`."""

    scheduled_days = DaysField(required=False, help_text="Empty: every day.")
    scheduled_time = serializers.TimeField(
        format="%H:%M:%S",
        input_formats=["%H:%M", "%H:%M:%S"],
        required=False,
        help_text="HH:MM or HH:MM:SS, by the site's clock.",
    )
    next_run_at = serializers.SerializerMethodField()

    class Meta:
        model = SiteSettings
        fields = ["enabled", "frequency", "scheduled_days", "scheduled_time", "next_run_at"]

    def get_fields(self) -> dict:
        fields = super().get_fields()
        for n in STAGES:
            fields[f"stage_{n}_enabled"] = serializers.BooleanField(required=False)
            fields[f"stage_{n}_batch_size"] = serializers.IntegerField(
                required=False, min_value=1, max_value=MAX_BATCH
            )
            fields[LIMIT_FIELDS[n]] = serializers.IntegerField(
                required=False, min_value=0, max_value=MAX_PER_RUN, help_text="0: no limit."
            )
        return fields

    @extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
    def get_next_run_at(self, settings: SiteSettings) -> str | None:
        moment = next_run_at(settings)
        return moment.isoformat().replace("+00:00", "Z") if moment else None

    def to_representation(self, settings: SiteSettings) -> dict:
        for stage in settings.stages:
            n = stage["number"]
            setattr(settings, f"stage_{n}_enabled", stage["enabled"])
            setattr(settings, f"stage_{n}_batch_size", stage["batch_size"])
            setattr(settings, LIMIT_FIELDS[n], stage["per_run_limit"])
        return super().to_representation(settings)

    def validate(self, attrs: dict) -> dict:
        stages: dict[int, dict] = {}
        for name in list(attrs):
            if match := _STAGE_FIELD.fullmatch(name):
                stages.setdefault(int(match[1]), {})[match[2]] = attrs.pop(name)
            elif name in _LIMITS:
                stages.setdefault(_LIMITS[name], {})["per_run_limit"] = attrs.pop(name)
        return {**attrs, "stages_named": stages}
