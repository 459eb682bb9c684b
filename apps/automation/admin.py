from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from apps.accounts.models import Account
from apps.automation.models import Run, RunItem, RunLog, RunStage
from apps.core.admin import Panel, ReadOnly


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


class RunPanel(Panel):
    model = Run
    fields = ["site", "status", "trigger", "current_stage", "started_at", "completed_at", "error_message"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("site")


admin.site.get_model_admin(Account).inlines.append(RunPanel)


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
