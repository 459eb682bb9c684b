from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.billing.views import invoices
from apps.billing.views.credits import BalanceViewSet, TransactionViewSet, UsageViewSet
from apps.billing.views.webhooks import StripeWebhookView

router = SimpleRouter()
router.register("balance", BalanceViewSet, basename="balance")
router.register("transactions", TransactionViewSet, basename="transaction")
router.register("usage", UsageViewSet, basename="usage")
router.register("credit-packages", invoices.CreditPackageViewSet, basename="credit-package")
router.register("invoices", invoices.InvoiceViewSet, basename="invoice")
router.register("payments", invoices.PaymentViewSet, basename="payment")
router.register("payment-methods", invoices.PaymentMethodViewSet, basename="payment-method")

urlpatterns = [
    # The older paths of the same lists.
    path("credits/balance/", BalanceViewSet.as_view({"get": "list"})),
    path("credits/transactions/", TransactionViewSet.as_view({"get": "list"})),
    path("credits/usage/", UsageViewSet.as_view({"get": "list"})),
    path("plan/", invoices.PlanChangeView.as_view(), name="plan-change"),
    path("webhooks/stripe/", StripeWebhookView.as_view(), name="stripe-webhook"),
    *router.urls,
]
