from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.automation.models import Run, RunItem, RunLog, RunStage


class ReadOnly:
    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class StageInline(ReadOnly, TabularInline):
    model = RunStage
    fields = ["number", "state", "started_at", "completed_at"]
    extra = 0


@admin.register(Run)
class RunAdmin(ReadOnly, ModelAdmin):
    list_display = [
        "id",
        "site",
        "status",
        "trigger",
        "current_stage",
        "started_at",
        "completed_at",
        "error_message",
    ]
    list_filter = ["status", "trigger"]
    list_select_related = ["site"]
    search_fields = ["site__name", "site__domain"]
    inlines = [StageInline]


@admin.register(RunItem)
class RunItemAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "run", "stage", "object_id", "state", "attempts", "credits", "error", "finished_at"]
    list_filter = ["state", "stage"]
    list_select_related = ["run"]
    search_fields = ["run__id"]


@admin.register(RunLog)
class RunLogAdmin(ReadOnly, ModelAdmin):
    list_display = ["created_at", "run", "level", "stage", "message"]
    list_filter = ["level", "stage"]
    list_select_related = ["run"]
    search_fields = ["message"]
