"""Payments: staff approve, reject and give back; how they stand is the services' to say."""

from collections.abc import Callable
from decimal import Decimal

from django import forms
from django.contrib import admin, messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.billing.admin.credits import ConfirmForm, ReadOnlyAdmin
from apps.billing.models import Dispute, Payment, PaymentMethod, StripeEvent
from apps.billing.services.payments import payment_approve, payment_reject
from apps.billing.services.stripe import payment_refund
from apps.core.errors import AppError


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget, help_text="The account reads it."
    )


class MoneyBackForm(ReasonForm):
    amount = forms.DecimalField(
        min_value=Decimal("0.01"),
        max_digits=12,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="By Stripe where it came by Stripe; a transfer is sent back by hand, and recorded here.",
    )


class CreditsMissingFilter(admin.SimpleListFilter):
    title = "credits missing"
    parameter_name = "missing"

    def lookups(self, request, model_admin):
        return [("yes", "Yes: they were spent when the money went back")]

    def queryset(self, request, queryset):
        return queryset.filter(credits_missing__gt=0) if self.value() == "yes" else queryset


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "account",
        "invoice",
        "method",
        "status",
        "amount",
        "currency",
        "refunded",
        "dispute",
        "surplus",
        "credits_missing",
        "reference",
    ]
    list_select_related = ["account", "invoice"]
    list_filter = ["status", "dispute", "method", "surplus", CreditsMissingFilter, "currency"]
    search_fields = ["reference", "invoice__number", "account__name", "intent_id"]
    date_hierarchy = "created_at"
    exclude = ["proof"]
    actions_detail = ["approve", "reject", "refund", "proof"]

    def has_review_permission(self, request, object_id=None) -> bool:
        return request.user.has_perm("billing.change_payment")

    @action(
        description="Approve",
        url_path="approve",
        permissions=["review"],
        dialog={
            "title": "Approve the transfer",
            "description": "The money is on our account: the invoice is paid, and what it sells is given.",
            "form_class": ConfirmForm,
            "form_submit_text": "Approve",
        },
    )
    def approve(self, request: HttpRequest, form: ConfirmForm, object_id: int) -> HttpResponse:
        _tell(request, lambda: payment_approve(payment_id=object_id, user_id=request.user.pk))
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})

    @action(
        description="Reject",
        url_path="reject",
        permissions=["review"],
        dialog={
            "title": "Reject the transfer",
            "description": "The invoice stays open; another transfer can be told of.",
            "form_class": ReasonForm,
            "form_submit_text": "Reject",
        },
    )
    def reject(self, request: HttpRequest, form: ReasonForm, object_id: int) -> HttpResponse:
        reason = form.cleaned_data["reason"]
        _tell(request, lambda: payment_reject(payment_id=object_id, user_id=request.user.pk, reason=reason))
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})

    @action(
        description="Give money back",
        url_path="refund",
        permissions=["review"],
        dialog={
            "title": "Give money back",
            "description": "Makes a credit note, and takes the share of the credits that is still there. A plan "
            "gets shorter by this share; all of a month back ends it now, all of an upgrade undoes it.",
            "form_class": MoneyBackForm,
            "form_submit_text": "Give back",
        },
    )
    def refund(self, request: HttpRequest, form: MoneyBackForm, object_id: int) -> HttpResponse:
        data = form.cleaned_data
        _tell(
            request,
            lambda: payment_refund(
                payment_id=object_id,
                amount=data["amount"],
                reason=data["reason"],
                user_id=request.user.pk,
            ),
        )
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})

    @action(description="Download the proof", url_path="proof", permissions=["read"])
    def proof(self, request: HttpRequest, object_id: int) -> HttpResponse:
        payment = Payment.objects.get(pk=object_id)
        if not payment.proof:
            messages.error(request, "No proof was sent with this payment.")
            return redirect("admin:billing_payment_change", object_id)
        return FileResponse(payment.proof.open(), as_attachment=True, filename=payment.proof.name)


def _tell(request: HttpRequest, act: Callable[[], Payment]) -> None:
    try:
        payment = act()
        messages.success(request, f"The payment is {payment.get_status_display().lower()}.")
        if payment.credits_missing:
            missing = (
                f"{payment.credits_missing:,} credits that it brought were spent and could not be taken back."
            )
            messages.warning(request, missing)
    except AppError as error:
        messages.error(request, error.message)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = [
        "opened_at",
        "account",
        "payment",
        "state",
        "amount",
        "reason",
        "credits_taken",
        "credits_missing",
        "closed_at",
    ]
    list_select_related = ["account", "payment"]
    list_filter = ["state", "reason"]
    search_fields = ["stripe_id", "account__name", "payment__invoice__number"]
    date_hierarchy = "opened_at"


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    list_display = ["account", "kind", "brand", "last4", "exp_month", "exp_year", "is_default"]
    list_filter = ["kind", "is_default"]
    search_fields = ["account__name", "last4"]


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "type", "id", "account", "handled_at"]
    list_filter = ["type"]
    search_fields = ["id", "account__name"]
    date_hierarchy = "received_at"
