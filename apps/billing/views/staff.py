"""What staff do over the API, across accounts. `pk` of payments is a payment's, of users an account's."""

from uuid import uuid4

from django.http import FileResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account
from apps.accounts.services.audit import StaffAudit, known_id
from apps.billing.models import CreditPriceChange, Invoice, Payment
from apps.billing.serializers.staff import (
    AdjustedSerializer,
    AdjustSerializer,
    BillingStatsSerializer,
    CostChangeSerializer,
    CostRowSerializer,
    CostSerializer,
    ReasonSerializer,
    StaffInvoiceSerializer,
    StaffPaymentSerializer,
    StatsRangeSerializer,
)
from apps.billing.services.ledger import credits_adjust, credits_balance
from apps.billing.services.payments import payment_approve, payment_reject
from apps.billing.services.prices import price_set, prices_list
from apps.billing.services.statistics import billing_stats
from apps.billing.views.credits import DatesFilterSet
from apps.core.errors import NotFound
from apps.core.filters import IdFilter, StrictBooleanFilter

MAX_KEY = 60

PROOFS = ("application/pdf", "image/png", "image/jpeg", "image/webp")


class StaffInvoiceFilterSet(DatesFilterSet):
    account_id = IdFilter(field_name="account_id")

    class Meta:
        model = Invoice
        fields = ["status", "kind", "currency", "account_id", "date_from", "date_to"]


class StaffPaymentFilterSet(DatesFilterSet):
    account_id = IdFilter(field_name="account_id")
    invoice_id = IdFilter(field_name="invoice_id")
    surplus = StrictBooleanFilter()

    class Meta:
        model = Payment
        fields = [
            "status",
            "method",
            "dispute",
            "account_id",
            "invoice_id",
            "surplus",
            "date_from",
            "date_to",
        ]


class StatsView(StaffAudit, APIView):
    area = "staff"

    @extend_schema(parameters=[StatsRangeSerializer], responses=BillingStatsSerializer)
    def get(self, request):
        """Money by currency and credits, over all accounts."""
        serializer = StatsRangeSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        return Response(BillingStatsSerializer(billing_stats(**serializer.validated_data)).data)


@extend_schema_view(list=extend_schema(description="The invoices and credit notes of all accounts."))
class StaffInvoiceViewSet(StaffAudit, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "staff"
    queryset = Invoice.objects.select_related("account").prefetch_related("lines")
    serializer_class = StaffInvoiceSerializer
    filterset_class = StaffInvoiceFilterSet
    ordering_fields = ["id", "number", "total", "issued_at", "due_at", "created_at", "status"]
    search_fields = ["number", "account__name"]


@extend_schema_view(list=extend_schema(description="The payments of all accounts, the newest first."))
class StaffPaymentViewSet(StaffAudit, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "staff"
    queryset = Payment.objects.select_related("account", "invoice")
    serializer_class = StaffPaymentSerializer
    filterset_class = StaffPaymentFilterSet
    ordering_fields = ["id", "amount", "created_at", "paid_at", "status", "credits_missing"]
    search_fields = ["reference", "invoice__number", "account__name"]


@extend_schema_view(
    list=extend_schema(description="The transfers that wait for their approval, the oldest first.")
)
class PendingPaymentViewSet(StaffPaymentViewSet):
    queryset = StaffPaymentViewSet.queryset.filter(
        status=Payment.Status.PENDING, method=Payment.Method.MANUAL
    )
    ordering = ["id"]


class PaymentReviewViewSet(StaffAudit, viewsets.GenericViewSet):
    area = "staff"
    queryset = StaffPaymentViewSet.queryset
    serializer_class = StaffPaymentSerializer
    filter_backends = []

    def asked_account(self):
        asked = known_id(self.kwargs.get("pk"))
        return (
            Account.objects.filter(pk__in=Payment.objects.filter(pk=asked).values("account_id"))
            if asked
            else None
        )

    def _answer(self, payment: Payment) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=payment.pk)).data)

    @extend_schema(request=None, responses=StaffPaymentSerializer)
    @action(detail=True, methods=["post"])
    def approve_payment(self, request, pk=None):
        """The transfer is there: its invoice is paid, and what it sells is given."""
        return self._answer(payment_approve(payment_id=self.get_object().pk, user_id=request.user.pk))

    @extend_schema(request=ReasonSerializer, responses=StaffPaymentSerializer)
    @action(detail=True, methods=["post"])
    def reject_payment(self, request, pk=None):
        """The transfer is not there, or wrong. The account reads the reason."""
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reason = serializer.validated_data["reason"]
        return self._answer(
            payment_reject(payment_id=self.get_object().pk, user_id=request.user.pk, reason=reason)
        )

    @extend_schema(
        responses={
            (200, kind): bytes for kind in ("application/pdf", "image/png", "image/jpeg", "image/webp")
        }
    )
    @action(detail=True)
    def proof(self, request, pk=None):
        """The file that the account sent with its transfer."""
        payment = self.get_object()
        if not payment.proof:
            raise NotFound("No proof was sent with this payment.")
        return FileResponse(payment.proof.open(), as_attachment=True, filename=payment.proof.name)


class AdjustCreditsView(StaffAudit, APIView):
    area = "staff"

    def asked_account(self):
        return Account.objects.filter(pk=self.kwargs["pk"])

    @extend_schema(request=AdjustSerializer, responses=AdjustedSerializer)
    def post(self, request, pk: int):
        """Give credits to an account or take them. With `Idempotency-Key` a repeat moves them once."""
        account = get_object_or_404(Account, pk=pk)
        serializer = AdjustSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        moved = credits_adjust(
            account_id=account.pk,
            amount=serializer.validated_data["amount"],
            reference=f"adjust:{(request.headers.get('Idempotency-Key') or uuid4().hex)[:MAX_KEY]}",
            note=serializer.validated_data["reason"],
            user_id=request.user.pk,
        )
        balance = credits_balance(account_id=account.pk)["balance"]
        return Response({"account": account.pk, "moved": moved, "balance": balance})


class CreditCostsView(StaffAudit, APIView):
    area = "staff"

    @extend_schema(responses=CostRowSerializer(many=True), operation_id="admin_credit_costs")
    def get(self, request):
        """What each operation costs: the defaults, and what staff set over them."""
        return Response(CostRowSerializer(prices_list(), many=True).data)

    @extend_schema(
        request=CostSerializer, responses=CostRowSerializer(many=True), operation_id="admin_credit_costs_save"
    )
    def post(self, request):
        """Set a price, for all models or one. It holds at once; work that is reserved keeps its own."""
        serializer = CostSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        price_set(user_id=request.user.pk, **serializer.validated_data)
        return Response(CostRowSerializer(prices_list(), many=True).data)


@extend_schema_view(list=extend_schema(description="What prices were set to, when and by whom."))
class CostChangeViewSet(StaffAudit, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "staff"
    queryset = CreditPriceChange.objects.select_related("user")
    serializer_class = CostChangeSerializer
    filterset_fields = {"operation": ["exact"], "model": ["exact"], "user": ["exact"]}
    ordering_fields = ["id", "operation", "created_at"]
    search_fields = ["model", "user__email"]
