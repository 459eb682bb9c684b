"""Staff: the ledger is read only, and corrected by an entry."""

import uuid

import pytest

from apps.billing.models import CreditEntry, CreditPrice
from apps.billing.services.ledger import credits_balance
from tests.factories import UserFactory
from tests.factories.billing import account_with

pytestmark = pytest.mark.django_db
ADJUST = "/admin/billing/creditbalance/adjust/"
LEDGER = ["creditbalance", "creditentry", "creditusage", "creditlot", "credithold"]


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    return client


def form(account, amount, **changes):
    return {
        "account": account.pk,
        "amount": amount,
        "reason": "goodwill",
        "reference": uuid.uuid4(),
        "_form_submitted": "True",
    } | changes


@pytest.mark.parametrize("model", [*LEDGER, "creditprice"])
def test_lists_open(staff, model):
    account_with(50)
    assert staff.get(f"/admin/billing/{model}/").status_code == 200


@pytest.mark.parametrize("model", LEDGER)
def test_the_ledger_can_not_be_changed_by_hand(staff, model):
    assert staff.get(f"/admin/billing/{model}/add/").status_code == 403
    entry = account_with(50)
    pk = CreditEntry.objects.get().pk if model == "creditentry" else entry.pk
    if model in ("creditentry", "creditbalance"):
        assert staff.get(f"/admin/billing/{model}/{pk}/change/").status_code == 200
        assert staff.post(f"/admin/billing/{model}/{pk}/change/", {"amount": 9}).status_code == 403
        assert staff.post(f"/admin/billing/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403


def test_prices_are_set_here(staff):
    answer = staff.post(
        "/admin/billing/creditprice/add/",
        {"operation": "image", "model": "", "unit": "per_image", "credits": "7.5"},
    )
    assert answer.status_code == 302
    assert CreditPrice.objects.get().credits == 7.5


def test_adjust_gives_and_takes_and_says_why(staff):
    account = account_with(50)
    assert b"reason" in staff.get(ADJUST).content
    answer = staff.post(ADJUST, form(account, 25), headers={"HX-Current-URL": "http://testserver/admin/"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "http://testserver/admin/")
    staff.post(ADJUST, form(account, -1000))
    assert credits_balance(account_id=account.pk)["balance"] == 0
    rows = list(
        CreditEntry.objects.filter(kind="adjust").order_by("pk").values_list("amount", "note", "user__email")
    )
    assert rows == [(25, "goodwill", "staff@example.com"), (-75, "goodwill", "staff@example.com")]


def test_adjust_sent_twice_moves_once(staff):
    account = account_with(50)
    sent = form(account, 25)
    staff.post(ADJUST, sent)
    staff.post(ADJUST, sent)
    assert credits_balance(account_id=account.pk)["balance"] == 75


def test_adjust_from_the_page_of_a_balance(staff):
    account = account_with(50)
    url = f"/admin/billing/creditbalance/{account.pk}/adjust/"
    assert f'value="{account.pk}"'.encode() in staff.get(url).content
    staff.post(url, form(account, 5))
    assert credits_balance(account_id=account.pk)["balance"] == 55


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": "much"},
        {"amount": 10**10},
        {"reason": ""},
        {"reason": "a\x00b"},
        {"account": 999999},
    ],
)
def test_adjust_refuses(staff, change):
    account = account_with(50)
    answer = staff.post(ADJUST, form(account, 25) | change)
    assert answer.status_code == 200 and "HX-Redirect" not in answer
    assert credits_balance(account_id=account.pk)["balance"] == 50


def test_adjust_needs_the_permission(client):
    account = account_with(50)
    client.force_login(UserFactory(account=None, email="clerk@example.com", is_staff=True))
    assert client.post(ADJUST, form(account, 25)).status_code in (302, 403)
    assert credits_balance(account_id=account.pk)["balance"] == 50
