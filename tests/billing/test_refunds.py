import pytest

from apps.billing.models import CreditEntry, CreditLot
from apps.billing.services.ledger import Usage, credits_balance, credits_charge
from apps.billing.services.refunds import credits_refund
from apps.core.errors import Conflict, NotFound
from tests.billing.threads import at_once
from tests.factories.billing import account_with

pytestmark = pytest.mark.django_db


def used(account, amount=30, reference="job:1") -> dict:
    credits_charge(
        account_id=account.pk, amount=amount, operation="image", reference=reference, usage=Usage(model="m")
    )
    return {"account_id": account.pk, "usage_reference": reference, "note": "the picture was blank"}


def balance(account) -> int:
    return credits_balance(account_id=account.pk)["balance"]


def test_what_was_used_comes_back_once():
    account = account_with(100)
    asked = used(account)
    assert credits_refund(amount=10, **asked) == 10
    assert credits_refund(**asked) == 20
    assert credits_refund(**asked) == 0
    assert balance(account) == 100
    entry = CreditEntry.objects.filter(kind="refund").first()
    assert (entry.operation, entry.note) == ("image", "the picture was blank")
    assert set(CreditLot.objects.filter(kind="returned").values_list("expires_at", flat=True)) == {None}


@pytest.mark.parametrize("amount", [0, -1, 31])
def test_no_more_than_was_used(amount):
    with pytest.raises(Conflict, match="30 are left"):
        credits_refund(amount=amount, **used(account_with(100)))


def test_what_was_never_used():
    with pytest.raises(NotFound):
        credits_refund(account_id=account_with(1).pk, usage_reference="never", note="")


@pytest.mark.django_db(transaction=True)
def test_eight_refund_at_once():
    account = account_with(100)
    asked = used(account)
    assert sorted(at_once(8, lambda _: credits_refund(**asked))) == [0] * 7 + [30]
    assert balance(account) == 100
