"""What staff see of credits. The ledger is read only; it is corrected by an entry of its own."""

import uuid

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from apps.accounts.models import Account
from apps.billing.models import (
    CreditBalance,
    CreditEntry,
    CreditHold,
    CreditLot,
    CreditPrice,
    CreditPriceChange,
    CreditUsage,
)
from apps.billing.services.ledger import credits_adjust
from apps.billing.services.prices import price_set
from apps.billing.services.refunds import credits_refund
from apps.core.admin import Panel, ReadOnly
from apps.core.errors import AppError

MOST = 10**9


@admin.register(CreditPrice)
class CreditPriceAdmin(ModelAdmin):
    list_display = ["operation", "model", "unit", "credits", "updated_at"]
    list_filter = ["operation", "unit"]
    search_fields = ["model"]

    def get_readonly_fields(self, request, obj=None) -> list[str]:
        return ["operation", "model"] if obj else []

    # By the service, so that the history has every change.
    def save_model(self, request, obj, form, change) -> None:
        price_set(
            operation=obj.operation,
            model=obj.model,
            unit=obj.unit,
            credits=obj.credits,
            user_id=request.user.pk,
        )
        obj.pk = CreditPrice.objects.get(operation=obj.operation, model=obj.model).pk

    def delete_model(self, request, obj) -> None:
        price_set(operation=obj.operation, model=obj.model, credits=None, user_id=request.user.pk)

    def delete_queryset(self, request, queryset) -> None:
        for price in queryset:
            self.delete_model(request, price)


class ConfirmForm(BaseDialogForm):
    """Asks before it is done; so it is done by a POST of this page, and by no link."""


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    list_select_related = ["account"]
    list_filter_submit = False

    def has_read_permission(self, request, object_id=None) -> bool:
        return self.has_view_permission(request)


class EntryPanel(Panel):
    model = CreditEntry
    verbose_name_plural = "ledger"
    fields = ["created_at", "kind", "amount", "balance_after", "operation", "reference", "note"]


admin.site.get_model_admin(Account).inlines.append(EntryPanel)


class AdjustForm(BaseDialogForm):
    account = forms.ModelChoiceField(
        Account.objects.all(),
        widget=UnfoldAdminIntegerFieldWidget,
        label="Account id",
        error_messages={"invalid_choice": "There is no account with this id."},
    )
    amount = forms.IntegerField(
        min_value=-MOST,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Credits to give; negative to take. Never takes more than is there.",
    )
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget, help_text="The account reads it."
    )
    # Names this correction, so that sending the form twice moves the credits once.
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["account"].initial = self.object_id

    def clean_amount(self) -> int:
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError("Give an amount other than 0.")
        return self.cleaned_data["amount"]


@admin.register(CreditBalance)
class CreditBalanceAdmin(ReadOnlyAdmin):
    list_display = ["account", "balance", "next_event_at"]
    search_fields = ["account__name"]
    actions_list = ["adjust"]
    actions_detail = ["adjust"]

    def has_adjust_permission(self, request, object_id=None) -> bool:
        # Named here and not as a permission's code, which a check would look up in a database without tables.
        return request.user.has_perm("billing.add_creditentry")

    @action(
        description="Adjust credits",
        url_path="adjust",
        permissions=["adjust"],
        dialog={
            "title": "Adjust credits",
            "description": "An entry of its own in the account's ledger.",
            "form_class": AdjustForm,
            "form_submit_text": "Adjust",
        },
    )
    def adjust(self, request: HttpRequest, form: AdjustForm, object_id: int | None = None) -> HttpResponse:
        data = form.cleaned_data
        moved = credits_adjust(
            account_id=data["account"].pk,
            amount=data["amount"],
            reference=f"adjust:{data['reference']}",
            note=data["reason"],
            user_id=request.user.pk,
        )
        messages.success(request, f"{moved:+,} credits for {data['account']}.")
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})


@admin.register(CreditEntry)
class CreditEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "account",
        "kind",
        "amount",
        "balance_after",
        "operation",
        "reference",
        "note",
    ]
    list_filter = ["kind", "operation"]
    search_fields = ["account__name", "reference", "note"]
    date_hierarchy = "created_at"


@admin.register(CreditPriceChange)
class CreditPriceChangeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "operation", "model", "old_credits", "credits", "unit", "user"]
    list_select_related = ["user"]
    list_filter = ["operation"]
    search_fields = ["model", "user__email"]


class RefundForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextInputWidget, help_text="The account reads it."
    )


@admin.register(CreditUsage)
class CreditUsageAdmin(ReadOnlyAdmin):
    actions_detail = ["refund"]

    def has_refund_permission(self, request, object_id=None) -> bool:
        return request.user.has_perm("billing.add_creditentry")

    @action(
        description="Give the credits back",
        url_path="refund",
        permissions=["refund"],
        dialog={
            "title": "Give the credits back",
            "description": "All that this work took and was not given back before.",
            "form_class": RefundForm,
            "form_submit_text": "Give back",
        },
    )
    def refund(self, request: HttpRequest, form: RefundForm, object_id: int) -> HttpResponse:
        usage = CreditUsage.objects.get(pk=object_id)
        try:
            given = credits_refund(
                account_id=usage.account_id,
                usage_reference=usage.reference,
                note=form.cleaned_data["reason"],
                user_id=request.user.pk,
            )
            messages.success(request, f"{given:,} credits were given back.")
        except AppError as error:
            messages.error(request, error.message)
        return HttpResponse(headers={"HX-Redirect": request.headers.get("HX-Current-URL", "")})

    list_display = [
        "created_at",
        "account",
        "operation",
        "model",
        "credits",
        "loss",
        "cost",
        "tokens_in",
        "tokens_out",
    ]
    list_filter = ["operation", "provider"]
    search_fields = ["account__name", "reference", "model"]
    date_hierarchy = "created_at"


@admin.register(CreditLot)
class CreditLotAdmin(ReadOnlyAdmin):
    list_display = ["account", "kind", "amount", "remaining", "expires_at", "reference", "created_at"]
    list_filter = ["kind"]
    search_fields = ["account__name", "reference"]


@admin.register(CreditHold)
class CreditHoldAdmin(ReadOnlyAdmin):
    list_display = [
        "account",
        "reference",
        "amount",
        "operation",
        "state",
        "attempt",
        "expires_at",
        "created_at",
    ]
    list_filter = ["state", "operation"]
    search_fields = ["account__name", "reference"]
