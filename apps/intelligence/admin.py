from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.intelligence.models import AIModel


@admin.register(AIModel)
class AIModelAdmin(ModelAdmin):
    list_display = [
        "name",
        "provider",
        "kind",
        "testing",
        "default",
        "is_active",
        "cost_in",
        "cost_out",
        "cost_image",
    ]
    list_filter = ["provider", "kind", "is_active"]
    search_fields = ["name"]
