from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.writer.models import Content, ContentVersion, DraftPart, Image, Task, Taxonomy
from apps.writer.services.taxonomies import taxonomy_delete
from apps.writer.services.versions import version_keep


@admin.register(Task)
class TaskAdmin(ModelAdmin):
    list_display = [
        "title",
        "account",
        "site",
        "status",
        "content_type",
        "structure",
        "word_count",
        "created_at",
    ]
    list_filter = ["status", "content_type", "structure"]
    list_select_related = ["account", "site"]
    search_fields = ["title", "account__name", "site__name"]
    raw_id_fields = ["account", "site", "sector", "cluster", "idea", "keywords"]
    readonly_fields = ["created_at", "updated_at"]


@admin.register(Content)
class ContentAdmin(ModelAdmin):
    list_display = ["title", "account", "site", "origin", "status", "site_status", "word_count", "created_at"]
    list_filter = ["status", "site_status", "origin", "content_type"]
    list_select_related = ["account", "site"]
    search_fields = ["title", "slug", "account__name", "site__name"]
    raw_id_fields = ["account", "site", "sector", "cluster", "task", "created_by"]
    readonly_fields = ["content_key", "created_at", "updated_at"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        version_keep(obj, by=request.user.email, reason="changed by staff")


@admin.register(ContentVersion)
class ContentVersionAdmin(ModelAdmin):
    list_display = ["title", "account", "content", "number", "made_by", "reason", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["account", "content"]
    search_fields = ["title", "made_by", "reason", "content__title", "account__name"]
    raw_id_fields = ["account", "content"]

    # What was, is not changed; an article is changed by restoring one.
    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(Image)
class ImageAdmin(ModelAdmin):
    list_display = ["__str__", "account", "site", "kind", "status", "width", "height", "updated_at"]
    list_filter = ["kind", "status"]
    list_select_related = ["account", "site"]
    search_fields = ["alt", "content__title", "account__name"]
    raw_id_fields = ["account", "site", "content"]
    # A file is made with its size and hash; by hand they would differ.
    readonly_fields = ["file", "mime", "width", "height", "sha256", "variants", "created_at", "updated_at"]


@admin.register(DraftPart)
class DraftPartAdmin(ModelAdmin):
    list_display = ["function", "account", "task", "provider", "model", "tokens_out", "cost", "created_at"]
    list_filter = ["function", "provider"]
    list_select_related = ["account", "task"]
    search_fields = ["task__title", "account__name"]
    raw_id_fields = ["account", "task"]
    readonly_fields = ["key", "created_at"]


@admin.register(Taxonomy)
class TaxonomyAdmin(ModelAdmin):
    list_display = ["name", "account", "site", "taxonomy", "parent", "external_id", "count", "updated_at"]
    list_filter = ["taxonomy"]
    list_select_related = ["account", "site", "parent"]
    search_fields = ["name", "slug", "account__name", "site__name"]
    fields = ["name", "slug", "description", "account", "site", "taxonomy", "parent", "external_id", "count",
              "created_at", "updated_at"]  # fmt: skip
    # Its place among the others and its spelling are checked where they are changed: at the API.
    readonly_fields = ["name", "account", "site", "taxonomy", "parent", "created_at", "updated_at"]

    def has_add_permission(self, request) -> bool:
        return False

    def delete_model(self, request, obj):
        taxonomy_delete(account_id=obj.account_id, taxonomy_id=obj.pk)

    def delete_queryset(self, request, queryset):
        for row in queryset:
            taxonomy_delete(account_id=row.account_id, taxonomy_id=row.pk)
