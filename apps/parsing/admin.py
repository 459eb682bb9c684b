"""What staff see of the crawling. Sources are changed here; what crawls bring is read only."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from unfold.admin import ModelAdmin

from apps.core.errors import AppError
from apps.parsing.models import CrawlWorker, Product, Source, SourceRun, Spider
from apps.parsing.services.runs import source_force
from apps.parsing.services.sources import source_change


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    list_display = [
        "url",
        "site_key",
        "type",
        "status",
        "is_active",
        "priority",
        "items_total",
        "next_sync_at",
    ]
    list_filter = ["status", "type", "strategy", "is_active"]
    search_fields = ["url", "site_key", "name"]
    fields = ["url", "site_key", "name", "type", "strategy", "priority", "refresh_interval_hours", "config"]
    actions = ["queue_now", "switch_on", "switch_off"]

    def get_readonly_fields(self, request, obj=None):
        return ["url"] if obj else []  # its products hang on it

    @admin.action(description="Crawl now")
    def queue_now(self, request, queryset: QuerySet[Source]) -> None:
        done = 0
        for pk in queryset.values_list("pk", flat=True):
            try:
                source_force(source_id=pk, strategy=None)
                done += 1
            except AppError as error:
                self.message_user(request, f"Source {pk}: {error.message}", messages.WARNING)
        self.message_user(request, f"{done} crawls are queued.")

    @admin.action(description="Switch on")
    def switch_on(self, request, queryset: QuerySet[Source]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            source_change(source_id=pk, fields={"is_active": True})

    @admin.action(description="Switch off")
    def switch_off(self, request, queryset: QuerySet[Source]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            source_change(source_id=pk, fields={"is_active": False})


class ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(SourceRun)
class SourceRunAdmin(ReadOnlyAdmin):
    list_display = ["source", "status", "worker", "items_scraped", "items_new", "created_at", "finished_at"]
    list_select_related = ["source"]
    list_filter = ["status", "forced"]
    search_fields = ["source__url", "source__site_key"]


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ["title", "site_key", "price", "currency", "category", "updated_at"]
    list_select_related = ["category"]
    search_fields = ["gift_id__exact"]  # a search in the titles of a million is GET /internal/products
    show_full_result_count = False


@admin.register(Spider)
class SpiderAdmin(ReadOnlyAdmin):
    search_fields = ["name"]
    list_display = ["name", "created_at", "last_seen_at"]


@admin.register(CrawlWorker)
class CrawlWorkerAdmin(ReadOnlyAdmin):
    search_fields = ["hostname"]
    list_filter = ["status"]
    list_display = [
        "hostname",
        "pid",
        "status",
        "concurrent_tasks",
        "capacity",
        "ram_usage_pct",
        "last_seen_at",
    ]
