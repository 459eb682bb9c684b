from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.optimizer.models import Optimization


@admin.register(Optimization)
class OptimizationAdmin(ModelAdmin):
    list_display = [
        "content",
        "account",
        "site",
        "status",
        "score_before",
        "score_after",
        "model",
        "credits",
        "created_at",
    ]
    list_filter = ["status", "version", "created_at"]
    list_select_related = ["account", "site", "content"]
    search_fields = ["content__title", "account__name", "site__name", "reference"]
    raw_id_fields = ["account", "site", "content"]

    # It tells what was done.
    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
