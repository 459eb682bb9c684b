from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.billing.views import BalanceViewSet, TransactionViewSet, UsageViewSet

router = SimpleRouter()
router.register("balance", BalanceViewSet, basename="balance")
router.register("transactions", TransactionViewSet, basename="transaction")
router.register("usage", UsageViewSet, basename="usage")

urlpatterns = [
    # The older paths of the same lists.
    path("credits/balance/", BalanceViewSet.as_view({"get": "list"})),
    path("credits/transactions/", TransactionViewSet.as_view({"get": "list"})),
    path("credits/usage/", UsageViewSet.as_view({"get": "list"})),
    *router.urls,
]
