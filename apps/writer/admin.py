from collections import defaultdict

from django.contrib import admin, messages
from django.db import transaction
from unfold.admin import ModelAdmin

from apps.core.errors import AppError
from apps.writer.models import Content, ContentVersion, DraftPart, Image, Task, Taxonomy
from apps.writer.services.content import content_delete
from apps.writer.services.html import html_clean, words_count
from apps.writer.services.tasks import tasks_claim, tasks_delete
from apps.writer.services.taxonomies import taxonomy_delete
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_claim


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

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        tasks_claim([form.instance.pk])

    def delete_model(self, request, obj):
        tasks_delete(account_id=obj.account_id, ids=[obj.pk])

    def delete_queryset(self, request, queryset):
        by_account = defaultdict(list)
        for pk, account_id in queryset.values_list("pk", "account_id"):
            by_account[account_id].append(pk)
        for account_id, ids in by_account.items():
            tasks_delete(account_id=account_id, ids=ids)


@admin.register(Content)
class ContentAdmin(ModelAdmin):
    list_display = ["title", "account", "site", "origin", "status", "site_status", "word_count", "created_at"]
    list_filter = ["status", "site_status", "origin", "content_type"]
    list_select_related = ["account", "site"]
    search_fields = ["title", "slug", "account__name", "site__name"]
    raw_id_fields = ["account", "site", "sector", "cluster", "task", "created_by"]
    readonly_fields = ["content_key", "created_at", "updated_at"]

    def save_model(self, request, obj, form, change):
        with transaction.atomic():
            if "html" in form.changed_data:
                obj.html = html_clean(obj.html)
                obj.word_count = words_count(obj.html)
            super().save_model(request, obj, form, change)
            content_claim(obj)
            version_keep(obj, by=request.user.email, reason="changed by staff")

    def has_delete_permission(self, request, obj=None):
        publishing = obj is not None and obj.site_status == Content.SiteStatus.PUBLISHING
        return not publishing and super().has_delete_permission(request, obj)

    def delete_model(self, request, obj):
        content_delete(account_id=obj.account_id, content_id=obj.pk)

    def delete_queryset(self, request, queryset):
        for pk, account_id in list(queryset.values_list("pk", "account_id")):
            try:
                content_delete(account_id=account_id, content_id=pk)
            except AppError as error:
                self.message_user(request, f"Article {pk}: {error.message}", messages.ERROR)


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
