"""What is sold and paid: packages, invoices, payments, ways to pay, and the plan."""

from uuid import uuid4

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.services.team import verified_only
from apps.billing.models import CreditPackage, Invoice, Payment, PaymentMethod
from apps.billing.serializers.invoices import (
    AvailableMethodSerializer,
    CheckoutSerializer,
    CreditPackageSerializer,
    InvoiceSerializer,
    ManualPaymentSerializer,
    MethodNameSerializer,
    PaymentMethodSerializer,
    PaymentSerializer,
    PlanChangeSerializer,
    PlanIdSerializer,
    QuoteSerializer,
)
from apps.billing.services.methods import card_add, method_add, method_default, method_delete
from apps.billing.services.payments import invoice_issue, package_purchase, payment_begin
from apps.billing.services.pdf import invoice_pdf
from apps.billing.services.quotes import plan_quote
from apps.billing.services.stripe import StripeMissing, stripe_begin
from apps.billing.services.subscriptions import plan_change
from apps.billing.views.credits import DatesFilterSet
from apps.core.filters import FilterSet, IdFilter
from apps.core.parsers import StrictJSONParser
from apps.core.schema import also
from apps.core.viewsets import DestroyMixin, TenantMixin, TenantReadViewSet

MAX_KEY = 60


def checkout(tenant, invoice: Invoice, method: str) -> dict:
    """Begins to pay an invoice: by Stripe an intent, by transfer the number that it shall name."""
    account_id, payment, secret = tenant.account_id, None, None
    if method == Payment.Method.STRIPE and not settings.STRIPE_SECRET_KEY:
        raise StripeMissing
    if method == Payment.Method.MANUAL or not invoice.total:
        invoice = invoice_issue(account_id=account_id, invoice_id=invoice.pk)
    else:
        payment, secret = stripe_begin(account_id=account_id, invoice_id=invoice.pk)
    return {
        "invoice": Invoice.objects.prefetch_related("lines").get(pk=invoice.pk),
        "payment": payment,
        "client_secret": secret,
        "instructions": instructions(invoice) if payment is None and invoice.status == "open" else "",
    }


def instructions(invoice: Invoice | None = None) -> str:
    where = settings.BANK_TRANSFER_DETAILS or "the account that support tells you"
    number = invoice.number if invoice else "the invoice's number"
    return f"Transfer the total to {where}, and name {number}. Then tell us at payments/manual/."


@extend_schema_view(list=extend_schema(description="The packages of credits on offer, the cheapest first."))
class CreditPackageViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "usage"
    queryset = CreditPackage.objects.filter(is_active=True)
    serializer_class = CreditPackageSerializer
    filterset_fields = ["slug", "currency"]
    ordering_fields = ["price", "credits", "name"]
    search_fields = ["name"]

    @extend_schema(request=MethodNameSerializer, responses=CheckoutSerializer, extensions=also("502"))
    @action(detail=True, methods=["post"])
    def purchase(self, request, pk=None):
        """Buy a package. The credits come when the invoice is paid. With `Idempotency-Key` a repeat buys once."""
        serializer = MethodNameSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        verified_only(user=request.user, what="pay")
        if serializer.validated_data["payment_method"] == "stripe" and not settings.STRIPE_SECRET_KEY:
            raise StripeMissing
        key = request.headers.get("Idempotency-Key") or uuid4().hex
        if len(key) > MAX_KEY or not key.isprintable():
            raise ValidationError({"Idempotency-Key": [f"At most {MAX_KEY} printable characters."]})
        package = self.get_object()
        invoice = package_purchase(
            account_id=request.tenant.account_id, package_id=package.pk, reference=f"{package.pk}:{key}"
        )
        found = checkout(request.tenant, invoice, serializer.validated_data["payment_method"])
        return Response(CheckoutSerializer(found, context=self.get_serializer_context()).data)


class InvoiceFilterSet(DatesFilterSet):
    class Meta:
        model = Invoice
        fields = ["status", "kind", "currency", "date_from", "date_to"]


@extend_schema_view(
    list=extend_schema(description="The account's invoices and credit notes, the newest first."),
    retrieve=extend_schema(description="One invoice with its lines."),
)
class InvoiceViewSet(TenantReadViewSet):
    area = "money"
    queryset = Invoice.objects.prefetch_related("lines")
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilterSet
    ordering_fields = ["id", "number", "total", "issued_at", "due_at", "created_at", "status"]
    search_fields = ["number", "lines__description"]

    @extend_schema(responses={(200, "application/pdf"): bytes}, extensions=also("409"))
    @action(detail=True)
    def download_pdf(self, request, pk=None):
        """The invoice as PDF. A draft has none: 409."""
        invoice = self.get_object()
        return HttpResponse(
            invoice_pdf(invoice),
            content_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{invoice.number}.pdf"'},
        )

    @extend_schema(request=MethodNameSerializer, responses=CheckoutSerializer)
    @action(detail=True, methods=["post"])
    def pay(self, request, pk=None):
        """Begin to pay an invoice, or take up a payment that was begun."""
        invoice, method = self.get_object(), self.validated(MethodNameSerializer)["payment_method"]
        verified_only(user=request.user, what="pay")
        found = checkout(self.tenant, invoice, method)
        return Response(CheckoutSerializer(found, context=self.get_serializer_context()).data)


class PaymentFilterSet(DatesFilterSet):
    invoice_id = IdFilter(field_name="invoice_id")

    class Meta:
        model = Payment
        fields = ["status", "method", "dispute", "invoice_id", "date_from", "date_to"]


@extend_schema_view(list=extend_schema(description="The account's payments, the newest first."))
class PaymentViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    area = "money"
    queryset = Payment.objects.select_related("invoice")
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilterSet
    ordering_fields = ["id", "amount", "created_at", "paid_at", "status"]
    search_fields = ["reference", "invoice__number"]

    @extend_schema(responses=AvailableMethodSerializer(many=True))
    @action(detail=False, pagination_class=None, filter_backends=[])
    def available_methods(self, request):
        """How one can pay here: what is set up."""
        found = [
            {
                "method": "manual",
                "name": "Bank transfer",
                "publishable_key": "",
                "instructions": instructions(),
            }
        ]
        if settings.STRIPE_SECRET_KEY:
            card = {"method": "stripe", "name": "Card", "instructions": ""}
            found.insert(0, card | {"publishable_key": settings.STRIPE_PUBLISHABLE_KEY})
        return Response(AvailableMethodSerializer(found, many=True).data)

    @extend_schema(
        request={"multipart/form-data": ManualPaymentSerializer, "application/json": ManualPaymentSerializer},
        responses={201: PaymentSerializer},
    )
    @action(detail=False, methods=["post"], parser_classes=[MultiPartParser, StrictJSONParser])
    def manual(self, request):
        """Tell of a bank transfer; staff approve it when the money is there."""
        data = self.validated(ManualPaymentSerializer)
        verified_only(user=request.user, what="pay")
        payment = payment_begin(
            account_id=self.tenant.account_id,
            invoice_id=data["invoice_id"].pk,
            method=Payment.Method.MANUAL,
            reference=data["reference"],
            notes=data["notes"],
            proof=data.get("proof"),
        )
        return Response(PaymentSerializer(payment, context=self.get_serializer_context()).data, status=201)


class PaymentMethodFilterSet(FilterSet):
    class Meta:
        model = PaymentMethod
        fields = ["kind", "is_default"]


@extend_schema_view(
    list=extend_schema(description="The ways to pay that the account keeps, the default first."),
    create=extend_schema(
        description="Keep a card that Stripe knows, or the bank transfer.", extensions=also("502")
    ),
)
class PaymentMethodViewSet(
    TenantMixin, mixins.CreateModelMixin, DestroyMixin, mixins.ListModelMixin, viewsets.GenericViewSet
):
    area = "money"
    queryset = PaymentMethod.objects.all()
    serializer_class = PaymentMethodSerializer
    filterset_class = PaymentMethodFilterSet
    ordering_fields = ["id", "kind", "created_at"]
    search_fields = ["brand", "last4"]

    def perform_create(self, serializer):
        verified_only(user=self.request.user, what="pay")
        data = serializer.validated_data
        account_id, is_default = self.tenant.account_id, data["is_default"]
        serializer.instance = (
            card_add(account_id=account_id, stripe_id=data["payment_method_id"], is_default=is_default)
            if data["kind"] == PaymentMethod.Kind.CARD
            else method_add(account_id=account_id, kind=data["kind"], is_default=is_default)
        )

    def perform_destroy(self, instance):
        method_delete(method=instance)

    @extend_schema(request=None, responses=PaymentMethodSerializer)
    @action(detail=True, methods=["post"])
    def set_default(self, request, pk=None):
        """Make it the one that is used unasked."""
        method = method_default(account_id=self.tenant.account_id, method_id=self.get_object().pk)
        return Response(self.get_serializer(method).data)


class PlanChangeView(TenantMixin, APIView):
    area = "money"

    @extend_schema(
        parameters=[OpenApiParameter("plan_id", int, required=True)],
        responses={200: OpenApiResponse(QuoteSerializer, "Nothing is changed.")},
    )
    def get(self, request):
        """What moving to a plan would cost, and from when it would hold."""
        serializer = PlanIdSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        plan = serializer.validated_data["plan_id"]
        quote = plan_quote(account_id=self.tenant.account_id, plan_id=plan.pk)
        return Response(QuoteSerializer(quote).data)

    @extend_schema(request=PlanIdSerializer, responses=PlanChangeSerializer)
    def post(self, request):
        """Move to a plan: a dearer one when its invoice is paid, a cheaper one at the end of what is paid."""
        verified_only(user=request.user, what="pay")
        serializer = PlanIdSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        quote, invoice = plan_change(account_id=self.tenant.account_id, plan_id=data["plan_id"].pk)
        found = {"invoice": None, "payment": None, "client_secret": None, "instructions": ""}
        if invoice is not None:
            found = checkout(self.tenant, invoice, data["payment_method"])
        answer = PlanChangeSerializer(found | {"change": quote}, context={"request": request})
        return Response(answer.data)
