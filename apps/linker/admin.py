from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.linker.models import Link, LinkPass


class ReadOnlyAdmin(ModelAdmin):
    """Undone by the account, at the API: here a row would go and its links stay."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(LinkPass)
class LinkPassAdmin(ReadOnlyAdmin):
    list_display = ["id", "account", "site", "content", "status", "credits", "model", "created_at"]
    list_filter = ["status", "created_at"]
    list_select_related = ["account", "site", "content"]
    search_fields = ["content__title", "account__name", "site__name"]


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    list_display = ["anchor", "account", "content", "target", "reason", "score", "status", "created_at"]
    list_filter = ["status", "reason"]
    list_select_related = ["account", "content", "target"]
    search_fields = ["anchor", "url", "content__title", "account__name"]
