from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.core.fields import masked
from apps.intelligence.models import AIModel, PromptVersion, ProviderSettings


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


@admin.register(ProviderSettings)
class ProviderSettingsAdmin(ReadOnly, ModelAdmin):
    list_select_related = ["account"]
    list_display = ["account", "kind", "enabled", "key", "base_url", "model", "updated_at"]
    list_filter = ["kind", "enabled"]
    search_fields = ["account__name", "base_url", "model"]
    fields = ["account", "kind", "enabled", "key", "base_url", "model", "testing_model", "size", "updated_at"]
    readonly_fields = fields

    @admin.display(description="API key")
    def key(self, row: ProviderSettings) -> str:
        return masked(row.api_key)


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnly, ModelAdmin):
    list_display = ["account", "prompt_type", "version", "created_by", "created_at"]
    list_filter = ["prompt_type"]
    list_select_related = ["account", "created_by"]
    search_fields = ["account__name", "template"]
    date_hierarchy = "created_at"
