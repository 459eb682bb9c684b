from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.core.models import Job


@admin.register(Job)
class JobAdmin(ModelAdmin):
    list_display = [
        "id",
        "kind",
        "account",
        "state",
        "current",
        "total",
        "attempts",
        "created_at",
        "finished_at",
    ]
    list_filter = ["state", "kind"]
    list_select_related = ["account"]
    search_fields = ["id", "account__name"]
    readonly_fields = [f.name for f in Job._meta.fields]

    def has_add_permission(self, request) -> bool:
        return False
