from django.contrib import admin
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from apps.publisher.models import HostedPage, PublishingRecord, SiteTheme, WordPressPost


class ReadOnlyAdmin(ModelAdmin):
    """What happened is looked at, not edited."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


@admin.register(PublishingRecord)
class PublishingRecordAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "content",
        "site",
        "target",
        "status",
        "attempts",
        "next_try_at",
        "created_at",
        "finished_at",
    ]
    list_filter = ["status", "target"]
    list_select_related = ["content", "site"]
    search_fields = ["content__title", "site__name", "external_url", "reference"]

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(HostedPage)
class HostedPageAdmin(ReadOnlyAdmin):
    """Deleting a page takes it off the site; publishing its content brings it back."""

    list_display = ["title", "address", "site", "published_at", "updated_at"]
    list_select_related = ["site"]
    search_fields = ["title", "slug", "site__name"]
    date_hierarchy = "published_at"

    @admin.display(description="address")
    def address(self, page: HostedPage) -> str:
        return format_html('<a href="{}">{}</a>', page.url, page.slug)


@admin.register(SiteTheme)
class SiteThemeAdmin(ReadOnlyAdmin):
    """Deleting a theme gives the site our own look back."""

    list_display = ["site", "accent", "paper", "ink", "font", "updated_at"]
    list_filter = ["font"]
    list_select_related = ["site"]
    search_fields = ["site__name", "footer_text"]


@admin.register(WordPressPost)
class WordPressPostAdmin(ReadOnlyAdmin):
    """Which post an article is. Deleting the row makes the next publication look for it by its key."""

    list_display = ["content", "place", "post_type", "external_id", "tidy_at", "created_at"]
    list_filter = ["post_type"]
    list_select_related = ["content"]
    search_fields = ["content__title", "place", "external_id"]
