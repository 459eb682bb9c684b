"""What is sold, and the papers, which staff read, download and void."""

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from apps.billing.admin.credits import ConfirmForm, ReadOnlyAdmin
from apps.billing.models import CreditPackage, Invoice, InvoiceLine, TaxRate
from apps.billing.services.invoices import invoice_locked, invoice_void
from apps.billing.services.pdf import invoice_pdf
from apps.core.errors import AppError


@admin.register(CreditPackage)
class CreditPackageAdmin(ModelAdmin):
    list_display = ["name", "credits", "price", "currency", "valid_days", "is_active"]
    list_filter = ["is_active", "currency"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(TaxRate)
class TaxRateAdmin(ModelAdmin):
    list_display = ["__str__", "country", "name", "percent", "reverse_charge"]
    list_filter = ["reverse_charge"]
    search_fields = ["country", "name"]


class LineInline(TabularInline):
    model = InvoiceLine
    extra = 0
    can_delete = False
    fields = readonly_fields = ["description", "quantity", "unit_price", "amount", "credits", "plan"]

    def has_add_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = [
        "__str__",
        "account",
        "kind",
        "status",
        "total",
        "currency",
        "issued_at",
        "due_at",
        "paid_at",
    ]
    list_filter = ["kind", "status", "currency"]
    search_fields = ["number", "account__name", "reference"]
    date_hierarchy = "created_at"
    inlines = [LineInline]
    actions_detail = ["download", "void"]

    @action(description="Download as PDF", url_path="pdf", permissions=["read"])
    def download(self, request: HttpRequest, object_id: int) -> HttpResponse:
        invoice = Invoice.objects.prefetch_related("lines").select_related("corrects").get(pk=object_id)
        try:
            paper = invoice_pdf(invoice)
        except AppError as error:
            messages.error(request, error.message)
            return redirect("admin:billing_invoice_change", object_id)
        headers = {"Content-Disposition": f'attachment; filename="{invoice.number}.pdf"'}
        return HttpResponse(paper, content_type="application/pdf", headers=headers)

    def has_void_permission(self, request, object_id=None) -> bool:
        return request.user.has_perm("billing.change_invoice")

    @action(
        description="Void",
        url_path="void",
        permissions=["void"],
        dialog={
            "title": "Void the invoice",
            "description": "It keeps its number and can not be paid any more. A paid one needs a refund instead.",
            "form_class": ConfirmForm,
            "form_submit_text": "Void",
        },
    )
    def void(self, request: HttpRequest, form: ConfirmForm, object_id: int) -> HttpResponse:
        try:
            with transaction.atomic():
                invoice = invoice_void(invoice_locked(invoice_id=object_id))
            messages.success(request, f"Invoice {invoice} is void.")
        except AppError as error:
            messages.error(request, error.message)
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})
