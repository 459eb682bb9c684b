from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.accounts.models import IndustrySector
from apps.core.admin import ReadOnly
from apps.core.csv_admin import csv_download
from apps.planner.keyword_files import CellError, UnreadableKeywordFile, keyword_key, keyword_text
from apps.planner.models import ClaimedTopic, Cluster, ContentIdea, Keyword, LibraryImport, SeedKeyword
from apps.planner.services.cluster_edits import clusters_delete
from apps.planner.services.ideas import idea_changed, ideas_delete
from apps.planner.services.keywords import keywords_delete
from apps.planner.services.library import keywords_import
from apps.planner.services.library_imports import library_import_send, library_import_start

REFUSED_SHOWN = 1000
# A larger file is a worker's: some 20,000 rows.
AT_ONCE_BYTES = 1024 * 1024
EXPORT = {
    "Keyword": "keyword",
    "Country": "country",
    "Volume": "volume",
    "Difficulty": "difficulty",
    "Intent": "intent",
    "CPC": "cpc",
    "Credit cost": "credit_cost",
    "Sector": "industry_sector__slug",
}
TEMPLATE = {
    "Keyword": "cold brew ratio",
    "Country": "US",
    "Volume": 2400,
    "Difficulty": 25,
    "Intent": "informational",
    "CPC": "1.20",
}


class SeedKeywordForm(forms.ModelForm):
    class Meta:
        model = SeedKeyword
        fields = ["industry_sector", "keyword", "country", "volume", "volume_is_estimate", "difficulty", "intent",
                  "cpc", "high_opportunity_by_staff", "credit_cost"]  # fmt: skip

    def clean_keyword(self) -> str:
        try:
            return keyword_text(self.cleaned_data["keyword"])
        except CellError as error:
            raise forms.ValidationError(error.reason) from None

    def clean(self) -> dict:
        data = super().clean()
        if not self.errors:
            self.instance.key = keyword_key(data["keyword"])[:500]
            same = SeedKeyword.objects.filter(
                industry_sector=data["industry_sector"], country=data["country"], key=self.instance.key
            )
            if same.exclude(pk=self.instance.pk).exists():
                raise forms.ValidationError("The sector has this keyword for this country already.")
        return data


class KeywordImportForm(forms.Form):
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV, TSV, a plain list or .xlsx; exports of the usual tools.",
    )
    sector = forms.ModelChoiceField(
        IndustrySector.objects.filter(is_active=True).select_related("industry"),
        widget=UnfoldAdminSelectWidget,
    )
    country = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        required=False,
        max_length=60,
        help_text="Of rows that name none; empty: the one in the file's name, else US.",
    )
    dry_run = forms.BooleanField(
        widget=UnfoldBooleanSwitchWidget, required=False, label="Only tell what would change"
    )


@admin.register(SeedKeyword)
class SeedKeywordAdmin(ModelAdmin):
    form = SeedKeywordForm
    list_display = [
        "keyword",
        "industry_sector",
        "country",
        "volume",
        "difficulty",
        "intent",
        "is_high_opportunity",
        "credit_cost",
    ]
    list_filter = ["country", "intent", "high_opportunity_by_staff", "industry_sector__industry"]
    list_select_related = ["industry_sector"]
    search_fields = ["key__contains"]
    show_full_result_count = False
    readonly_fields = ["is_high_opportunity", "created_at"]
    actions_list = ["import_keywords", "keyword_template", "export_keywords"]

    @action(description="Export as CSV", url_path="export", icon="download", permissions=["view"])
    def export_keywords(self, request: HttpRequest) -> HttpResponse:
        rows = SeedKeyword.objects.order_by("pk").values_list(*EXPORT.values())
        return csv_download("keywords-library", EXPORT, rows.iterator(chunk_size=2000))

    @action(description="CSV template", url_path="template", icon="download", permissions=["add"])
    def keyword_template(self, request: HttpRequest) -> HttpResponse:
        return csv_download("keywords-template", TEMPLATE, [tuple(TEMPLATE.values())])

    @action(description="Import keywords", url_path="import", icon="upload_file", permissions=["add"])
    def import_keywords(self, request: HttpRequest) -> HttpResponse:
        form = KeywordImportForm(request.POST or None, request.FILES or None)
        result = None
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            if file.size > AT_ONCE_BYTES and not form.cleaned_data["dry_run"]:
                row = library_import_start(
                    file=file,
                    industry_sector=form.cleaned_data["sector"],
                    country=form.cleaned_data["country"],
                    user_id=request.user.pk,
                )
                messages.info(request, "A worker imports the file. Reload this page to see how it went.")
                return redirect("admin:planner_libraryimport_change", row.pk)
            try:
                result = keywords_import(
                    file=file,
                    name=file.name,
                    industry_sector=form.cleaned_data["sector"],
                    country=form.cleaned_data["country"] or None,
                    dry_run=form.cleaned_data["dry_run"],
                )
            except UnreadableKeywordFile as error:
                form.add_error("file", str(error))
            except CellError as error:
                form.add_error("country", error.reason)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import keywords",
            "form": form,
            "result": result,
            "refused": result.refused[:REFUSED_SHOWN] if result else [],
        }
        return TemplateResponse(request, "admin/planner/import_keywords.html", context)


@admin.register(LibraryImport)
class LibraryImportAdmin(ReadOnly, ModelAdmin):
    list_display = ["name", "industry_sector", "state", "counts", "user", "created_at", "finished_at"]
    list_filter = ["state"]
    list_select_related = ["industry_sector", "user"]
    search_fields = ["name", "error"]
    exclude = ["file", "report"]
    actions_detail = ["download_report"]
    actions = ["send_again"]

    @action(description="Rows not taken, as CSV", url_path="report", permissions=["view"])
    def download_report(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = get_object_or_404(LibraryImport, pk=object_id)
        if not row.report:
            messages.info(request, "There is no report: the import has not ended, or it failed as a whole.")
            return redirect("admin:planner_libraryimport_change", row.pk)
        return FileResponse(row.report.open("rb"), as_attachment=True)

    @action(description="Send to a worker again")
    def send_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        for pk in queryset.values_list("pk", flat=True):
            library_import_send(import_id=pk)


class MadeByAccounts(ModelAdmin):
    """Rows of the accounts: staff look and mend, they do not make any."""

    list_select_related = ["account", "site"]
    list_filter = ["status"]
    show_full_result_count = False
    raw_id_fields = ["account", "site", "sector"]
    readonly_fields = ["account", "site", "created_at", "updated_at"]

    # What deletes rows of an account together with what hangs on them.
    delete_rows: Callable[..., int]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.delete_rows(account_id=obj.account_id, ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        by_account: dict[int, list[int]] = {}
        for account_id, pk in queryset.values_list("account_id", "pk"):
            by_account.setdefault(account_id, []).append(pk)
        for account_id, ids in by_account.items():
            self.delete_rows(account_id=account_id, ids=ids)


@admin.register(Keyword)
class KeywordAdmin(MadeByAccounts):
    list_display = ["keyword", "account", "site", "cluster", "volume", "difficulty", "status", "created_at"]
    list_filter = ["status", "intent", "country"]
    list_select_related = ["account", "site", "cluster"]
    search_fields = ["key__contains", "account__name", "site__domain"]
    raw_id_fields = ["sector", "cluster"]
    readonly_fields = [
        *MadeByAccounts.readonly_fields,
        "keyword",
        "key",
        "country",
        "seed_keyword",
        "industry_sector",
    ]

    delete_rows = staticmethod(keywords_delete)


@admin.register(Cluster)
class ClusterAdmin(MadeByAccounts):
    delete_rows = staticmethod(clusters_delete)
    list_display = [
        "name",
        "account",
        "site",
        "parent",
        "is_hub",
        "is_locked",
        "is_edited",
        "status",
        "created_at",
    ]
    list_filter = ["status", "is_hub", "is_locked", "is_edited"]
    list_select_related = ["account", "site", "parent"]
    search_fields = ["name", "account__name", "site__domain"]
    raw_id_fields = ["sector", "parent"]


@admin.register(ContentIdea)
class ContentIdeaAdmin(MadeByAccounts):
    delete_rows = staticmethod(ideas_delete)

    def save_model(self, request: HttpRequest, obj: ContentIdea, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        idea_changed(obj)

    list_display = [
        "title",
        "account",
        "site",
        "cluster",
        "content_type",
        "structure",
        "status",
        "created_at",
    ]
    list_filter = ["status", "content_type", "structure", "is_offline_draft"]
    list_select_related = ["account", "site", "cluster"]
    search_fields = ["title", "primary_keyword", "account__name", "site__domain"]
    raw_id_fields = ["sector", "cluster", "keywords"]


@admin.register(ClaimedTopic)
class ClaimedTopicAdmin(ReadOnly, ModelAdmin):
    list_display = ["phrase", "account", "site", "source", "source_id", "title", "url", "updated_at"]
    list_filter = ["source"]
    list_select_related = ["account", "site"]
    search_fields = ["phrase", "title", "account__name", "site__domain"]
    show_full_result_count = False
