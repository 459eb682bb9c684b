"""/api/v1/admin/: what staff see of the business, and do for accounts."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.billing.views import staff

router = SimpleRouter()
router.register("billing/invoices", staff.StaffInvoiceViewSet, basename="staff-invoice")
router.register("billing/payments", staff.StaffPaymentViewSet, basename="staff-payment")
router.register("billing/pending_payments", staff.PendingPaymentViewSet, basename="pending-payment")
router.register("billing", staff.PaymentReviewViewSet, basename="payment-review")
router.register("credit-costs/history", staff.CostChangeViewSet, basename="cost-change")

urlpatterns = [
    path("billing/stats/", staff.StatsView.as_view(), name="billing-stats"),
    path("credit-costs/", staff.CreditCostsView.as_view(), name="credit-costs"),
    path("users/<int:pk>/adjust-credits/", staff.AdjustCreditsView.as_view(), name="adjust-credits"),
    *router.urls,
]
