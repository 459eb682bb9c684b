from django import forms
from django.contrib import admin
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from unfold.admin import ModelAdmin

from apps.core.errors import first_sentence
from apps.integration.config_serializers import DaysField
from apps.integration.models import (
    STAGES,
    DefaultSettings,
    SiteIntegration,
    SiteSettings,
    SiteStructure,
    SyncedPost,
    SyncRun,
    WebhookEvent,
)
from apps.integration.serializers.settings import DefaultStageSerializer, SlotsField


class SettingsForm(forms.ModelForm):
    """Holds what staff write to the rules of the API."""

    def clean(self) -> dict:
        data = super().clean()
        stages = data.get("stages")
        for name, field in (
            ("scheduled_days", DaysField()),
            ("publish_days", DaysField()),
            ("publish_time_slots", SlotsField()),
        ):
            if name in data:
                self._read(name, lambda field=field, name=name: field.run_validation(data[name]))
        if "stages" in data:
            self._read("stages", lambda: self._stages(stages))
        return data

    def _stages(self, stages: object) -> list[dict]:
        serializer = DefaultStageSerializer(data=stages, many=True)
        serializer.is_valid(raise_exception=True)
        rows = sorted(serializer.validated_data, key=lambda row: row["number"])
        if [row["number"] for row in rows] != list(STAGES):
            raise ValidationError("Each of the stages 1 to 7 must stand here once.")
        return [dict(row) for row in rows]

    def _read(self, name: str, read) -> None:
        try:
            self.cleaned_data[name] = read()
        except ValidationError as error:
            self.add_error(name, first_sentence(error.detail))


@admin.register(DefaultSettings)
class DefaultSettingsAdmin(ModelAdmin):
    """One record: what the settings of new sites begin from."""

    form = SettingsForm

    def has_add_permission(self, request) -> bool:
        return not DefaultSettings.objects.exists()

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):
    form = SettingsForm
    list_display = ["site", "enabled", "frequency", "auto_approval_enabled", "auto_publish_enabled"]
    list_filter = ["enabled", "frequency", "auto_publish_enabled"]
    search_fields = ["site__name", "site__domain"]
    autocomplete_fields = ["site", "account"]
    list_select_related = ["site"]

    def save_model(self, request, obj, form, change) -> None:
        if set(form.changed_data) & set(SiteSettings.SCHEDULE):
            obj.schedule_set_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(SiteIntegration)
class SiteIntegrationAdmin(ModelAdmin):
    list_display = ["site", "auth_method", "base_url", "username", "plugin_version", "is_active", "status",
                    "last_tested_at"]  # fmt: skip
    list_filter = ["platform", "auth_method", "status", "is_active"]
    search_fields = ["site__name", "base_url", "username"]
    list_select_related = ["site"]
    # Who changes the address has the password sent there: that is the customer's to do, who enters it anew.
    readonly_fields = ["account", "site", "platform", "auth_method", "base_url", "username", "status", "last_error",
                       "last_tested_at", "rest_root", "plugin_version"]  # fmt: skip
    exclude = ["app_password", "signing_secret"]

    def has_add_permission(self, request) -> bool:
        return False  # the password is the customer's to enter


class ShownAdmin(ModelAdmin):
    """What syncs wrote, to be looked at."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


@admin.register(SiteStructure)
class SiteStructureAdmin(ShownAdmin):
    list_display = ["integration", "account", "fetched_at"]
    search_fields = ["integration__base_url", "account__name"]
    list_select_related = ["integration", "account"]


@admin.register(SyncRun)
class SyncRunAdmin(ShownAdmin):
    list_display = ["integration", "direction", "state", "is_deep", "counts", "started_at", "finished_at"]
    list_filter = ["state", "direction", "is_deep", "by_person"]
    search_fields = ["integration__base_url", "site__name", "account__name", "error"]
    list_select_related = ["integration"]
    date_hierarchy = "started_at"


@admin.register(SyncedPost)
class SyncedPostAdmin(ShownAdmin):
    list_display = [
        "external_id",
        "post_type",
        "site",
        "content",
        "remote_status",
        "agreed_at",
        "conflict_at",
    ]
    list_filter = ["post_type", "remote_status", "is_lossy", ("conflict_at", admin.EmptyFieldListFilter)]
    search_fields = ["external_id", "url", "content__title", "site__name"]
    list_select_related = ["site", "content"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ShownAdmin):
    list_display = ["event", "post_id", "integration", "state", "is_signed", "occurred_at", "received_at"]
    list_filter = ["state", "is_signed", "event"]
    search_fields = ["event_id", "post_id", "integration__base_url", "account__name"]
    list_select_related = ["integration"]
    date_hierarchy = "received_at"
