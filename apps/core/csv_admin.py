"""Lists that staff fill and take out as CSV: looked at before it is stored, with a template to begin from."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import action

from apps.core.csv_files import csv_lines


def csv_download(name: str, header, rows) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


class CsvAdmin(ImportExportModelAdmin, ModelAdmin):
    """`resource_classes` name one resource, whose `EXAMPLE` is the template's row."""

    formats = [CSV]
    import_form_class = ImportForm
    export_form_class = ExportForm
    actions_list = ["csv_template"]

    @action(description="CSV template", url_path="csv-template", icon="download", permissions=["add"])
    def csv_template(self, request: HttpRequest) -> HttpResponse:
        example = self.resource_classes[0].EXAMPLE
        return csv_download(f"{self.opts.model_name}-template", example, [tuple(example.values())])
