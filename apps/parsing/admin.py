"""What staff see of the crawling. Sources are changed here; what crawls bring is read only."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from unfold.admin import ModelAdmin

from apps.core.admin import ReadOnly
from apps.core.errors import AppError
from apps.core.internal import Unprocessable
from apps.parsing.items import SITE_KEY
from apps.parsing.models import CrawlWorker, ExternalCategory, Product, Source, SourceRun, Spider
from apps.parsing.services.runs import source_force
from apps.parsing.services.sources import source_address, source_change


class SourceForm(forms.ModelForm):
    """Takes what the route for sources takes."""

    def clean_url(self) -> str:
        try:
            return source_address(self.cleaned_data["url"])
        except Unprocessable as error:
            raise ValidationError(error.details["url"]) from None

    def clean_site_key(self) -> str:
        if not SITE_KEY.fullmatch(self.cleaned_data["site_key"]):
            raise ValidationError("Letters, digits, dots, dashes and underscores; a letter or digit first.")
        return self.cleaned_data["site_key"]

    def clean_config(self) -> dict:
        if not isinstance(self.cleaned_data["config"] or {}, dict):
            raise ValidationError("A JSON object is needed.")
        return self.cleaned_data["config"] or {}


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    form = SourceForm
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

    def save_model(self, request, obj, form, change) -> None:
        if change:  # what workers count and report at the same moment stays
            source_change(source_id=obj.pk, fields={f: form.cleaned_data[f] for f in form.changed_data})
        else:
            super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs, request):
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        # Its products would be missing in the totals of its site.
        protected += [f"{s} has brought products: switch it off instead" for s in objs if s.items_total]
        return deleted, counts, needed, protected

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


@admin.register(SourceRun)
class SourceRunAdmin(ReadOnly, ModelAdmin):
    list_display = ["source", "status", "worker", "items_scraped", "items_new", "created_at", "finished_at"]
    list_select_related = ["source"]
    list_filter = ["status", "forced"]
    search_fields = ["source__url", "source__site_key"]


@admin.register(Product)
class ProductAdmin(ReadOnly, ModelAdmin):
    list_display = ["title", "site_key", "price", "currency", "category", "updated_at"]
    list_select_related = ["category"]
    search_fields = ["gift_id__exact"]  # a search in the titles of a million is GET /internal/products
    show_full_result_count = False


@admin.register(ExternalCategory)
class ExternalCategoryAdmin(ReadOnly, ModelAdmin):
    """What they mean is said under category mappings."""

    list_display = ["name", "created_at"]
    search_fields = ["name"]
    date_hierarchy = "created_at"


@admin.register(Spider)
class SpiderAdmin(ReadOnly, ModelAdmin):
    search_fields = ["name"]
    list_display = ["name", "created_at", "last_seen_at"]


@admin.register(CrawlWorker)
class CrawlWorkerAdmin(ReadOnly, ModelAdmin):
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
