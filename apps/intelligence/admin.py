from django.contrib import admin
from django.utils import timezone
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.core.csv_admin import CsvAdmin
from apps.core.fields import masked
from apps.intelligence.models import (
    AIModel,
    CategoryMapping,
    InternalCategory,
    ProductScore,
    PromptVersion,
    ProviderSettings,
    ScoringLease,
)
from apps.intelligence.resources import InternalCategoryResource
from apps.intelligence.services.categories import mappings_verify


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


@admin.register(InternalCategory)
class InternalCategoryAdmin(CsvAdmin):
    resource_classes = [InternalCategoryResource]
    list_display = ["name", "parent", "slug", "is_active"]
    list_filter = ["is_active", "parent"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug", "description"]
    autocomplete_fields = ["parent"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(CategoryMapping)
class CategoryMappingAdmin(ModelAdmin):
    """What names mean. Saving one by hand verifies it; a whole list is verified by the action."""

    list_display = [
        "external",
        "internal",
        "origin",
        "confidence",
        "is_verified",
        "verified_by",
        "updated_at",
    ]
    list_filter = ["is_verified", "origin", "internal"]
    list_select_related = ["external", "internal", "verified_by"]
    search_fields = ["external__name", "internal__name"]
    autocomplete_fields = ["internal", "external"]
    fields = ["external", "internal", "origin", "confidence", "is_verified", "verified_by", "verified_at"]
    readonly_fields = ["origin", "confidence", "is_verified", "verified_by", "verified_at"]
    actions = ["verify"]

    def get_readonly_fields(self, request, obj=None):
        return [*self.readonly_fields, "external"] if obj else self.readonly_fields

    def save_model(self, request, obj, form, change):
        if not change or "internal" in form.changed_data:
            obj.origin, obj.confidence = CategoryMapping.Origin.STAFF, None
        obj.is_verified, obj.verified_by, obj.verified_at = True, request.user, timezone.now()
        super().save_model(request, obj, form, change)

    @admin.action(description="Verify the selected mappings")
    def verify(self, request, queryset):
        done = mappings_verify(mappings=list(queryset.values_list("pk", flat=True)), user=request.user)
        self.message_user(request, f"{done} mappings were verified.")


@admin.register(ProductScore)
class ProductScoreAdmin(ReadOnly, ModelAdmin):
    list_display = ["product", "gift_score", "scoring_model", "scoring_version", "worker", "scored_at"]
    list_select_related = ["product"]
    search_fields = ["=product__gift_id"]
    show_full_result_count = False


@admin.register(ScoringLease)
class ScoringLeaseAdmin(ReadOnly, ModelAdmin):
    """Who has what now, and who had it."""

    list_display = ["product", "worker", "text_version", "leased_at", "until"]
    list_select_related = ["product"]
    search_fields = ["worker", "=product__gift_id"]
    show_full_result_count = False


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
