"""What an account does with plans, as its owner would. Its fixtures stand in conftest.py."""

from datetime import UTC, datetime

from apps.accounts.models import Subscription
from apps.billing.models import Payment
from apps.billing.services.ledger import credits_balance
from apps.billing.services.payments import payment_succeed
from tests.conftest import client_of

URL = "/api/v1/billing"
START = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)  # a month of 30 days


def balance(actor) -> int:
    return credits_balance(account_id=actor.account.pk)["balance"]


def active(actor) -> Subscription:
    return Subscription.objects.select_related("plan").get(account=actor.account, status="active")


def again(actor) -> None:
    """Days have passed: a new log-in."""
    actor.client = client_of(actor.user)


def choose(actor, plan, method="manual") -> dict:
    again(actor)
    answer = actor.client.post(f"{URL}/plan/", {"plan_id": plan.pk, "payment_method": method})
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def transfer(actor, invoice_id) -> Payment:
    again(actor)
    body = {"invoice_id": invoice_id, "reference": "bank"}
    answer = actor.client.post(f"{URL}/payments/manual/", body)
    assert answer.status_code == 201, answer.content
    return payment_succeed(payment_id=answer.json()["data"]["id"])


def on_small(owner, plans) -> None:
    transfer(owner, choose(owner, plans["small"])["invoice"]["id"])
