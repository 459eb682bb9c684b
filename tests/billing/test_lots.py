"""Months, lots that expire, and which lot a spend came from."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import Subscription
from apps.billing.models import CreditBalance, CreditEntry, CreditLot
from apps.billing.services.ledger import (
    InsufficientCredits,
    credits_balance,
    credits_charge,
    credits_grant,
    credits_refresh,
    credits_release,
    credits_reserve,
)
from apps.notifications.models import Notification
from tests.factories import AccountFactory, PlanFactory
from tests.factories.billing import account_with

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def on_plan(monthly: int, **fields):
    """An account whose months begin at START."""
    account = AccountFactory(plan=PlanFactory(slug=f"m{monthly}", monthly_credits=monthly, **fields))
    Subscription.objects.filter(account=account).update(anchor=START)
    return account


def balance(account) -> int:
    return credits_balance(account_id=account.pk)["balance"]


def charge(account, amount, reference):
    return credits_charge(account_id=account.pk, amount=amount, operation="keyword", reference=reference)


def grant(account, amount, reference, days=None):
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    credits_grant(
        account_id=account.pk, amount=amount, kind="purchase", reference=reference, expires_at=expires_at
    )


def lots(account) -> dict[str, int]:
    """What is left in each lot now: any grant shares out what was spent before it."""
    credits_grant(
        account_id=account.pk, amount=1, kind="adjustment", reference=f"look:{CreditLot.objects.count()}"
    )
    rows = CreditLot.objects.filter(account=account).exclude(reference__startswith="look:")
    return dict(rows.values_list("reference", "remaining"))


def test_a_months_credits_come_once_and_end_with_the_month(clock):
    account = on_plan(1000)
    assert balance(account) == balance(account) == 1000
    charge(account, 300, "a")
    clock.move_to(datetime(2026, 2, 28, 8, 59, tzinfo=UTC))
    assert balance(account) == 700
    clock.move_to(datetime(2026, 2, 28, 9, 0, tzinfo=UTC))
    assert balance(account) == 1000
    kinds = list(CreditEntry.objects.order_by("pk").values_list("kind", "amount"))
    assert kinds == [("grant", 1000), ("charge", -300), ("expire", -700), ("grant", 1000)]
    found = credits_balance(account_id=account.pk)
    assert found["period_start"] == datetime(2026, 2, 28, 9, 0, tzinfo=UTC)
    assert found["period_end"] == datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
    clock.move_to(datetime(2026, 9, 15, tzinfo=UTC))
    assert charge(account, 1000, "b")
    assert balance(account) == 0


def test_a_plan_that_rolls_over_keeps_them_also_of_months_in_which_nobody_looked(clock):
    account = on_plan(100, rolls_over=True)
    charge(account, 30, "a")
    clock.move_to(datetime(2026, 4, 30, 12, 0, tzinfo=UTC))
    assert balance(account) == 370
    assert balance(account) == 370
    assert not CreditEntry.objects.filter(kind="expire").exists()


def test_bought_credits_outlive_the_month_and_the_month_is_spent_first(clock):
    account = on_plan(100)
    grant(account, 50, "bought")
    charge(account, 90, "a")
    clock.shift(timedelta(days=40))
    assert balance(account) == 150
    assert lots(account)["bought"] == 50


def test_what_expires_first_is_spent_first_whatever_came_first(clock):
    account = account_with(0)
    grant(account, 10, "never")
    grant(account, 10, "late", days=20)
    grant(account, 10, "soon", days=10)
    charge(account, 14, "a")
    assert lots(account) == {"never": 10, "late": 6, "soon": 0}
    clock.shift(timedelta(days=10))
    charge(account, 7, "b")
    assert lots(account)["late"] == 0
    clock.shift(timedelta(days=10))
    assert CreditEntry.objects.filter(kind="expire").count() == 0


def test_a_spend_after_a_lot_ended_does_not_come_from_it(clock):
    account = account_with(0)
    grant(account, 10, "soon", days=1)
    grant(account, 10, "never")
    charge(account, 3, "a")
    clock.shift(timedelta(days=1))
    with pytest.raises(InsufficientCredits):
        charge(account, 11, "b")
    assert charge(account, 10, "c")
    assert balance(account) == 0
    assert CreditEntry.objects.get(kind="expire").amount == -7


def test_what_was_reserved_from_a_lot_that_ended_comes_back_as_a_lot_of_its_own(clock):
    account = account_with(0)
    grant(account, 10, "soon", days=1)
    credits_reserve(
        account_id=account.pk, amount=8, operation="content", reference="job", ttl=timedelta(days=9)
    )
    clock.shift(timedelta(days=2))
    assert balance(account) == 0
    credits_release(account_id=account.pk, reference="job")
    assert balance(account) == 8
    found = lots(account)
    assert found.pop("soon") == 0
    assert list(found.values()) == [8]
    assert CreditLot.objects.get(kind="returned").expires_at is None
    clock.shift(timedelta(days=400))
    assert balance(account) >= 8


def test_a_release_fills_the_lot_it_was_taken_from_while_that_lives(clock):
    account = account_with(0)
    grant(account, 10, "soon", days=5)
    grant(account, 10, "never")
    credits_reserve(account_id=account.pk, amount=15, operation="content", reference="job")
    assert lots(account) == {"soon": 0, "never": 5}
    credits_release(account_id=account.pk, reference="job")
    assert lots(account) == {"soon": 10, "never": 10}


def test_a_release_that_fills_several_lots_takes_from_none(clock):
    account = account_with(0)
    for name, days in (("first", 5), ("second", 6), ("third", 7), ("never", None)):
        grant(account, 10, name, days)
    credits_reserve(account_id=account.pk, amount=38, operation="content", reference="job")
    assert lots(account) == {"first": 0, "second": 0, "third": 0, "never": 2}
    charge(account, 1, "a")
    credits_release(account_id=account.pk, reference="job")
    assert lots(account) == {"first": 9, "second": 10, "third": 10, "never": 10}
    assert not CreditLot.objects.filter(kind="returned").exists()


def test_a_new_plan_brings_its_credits_when_somebody_looks_or_is_short(clock):
    account = on_plan(10)
    assert balance(account) == 10
    clock.shift(timedelta(days=3))
    Subscription.objects.filter(account=account).update(status="ended")
    bigger = PlanFactory(slug="bigger", monthly_credits=500)
    Subscription.objects.create(account=account, plan=bigger, anchor=timezone.now())
    assert charge(account, 400, "a")
    assert balance(account) == 110
    assert CreditBalance.objects.get().low_mark == 100
    clock.shift(timedelta(days=27))
    assert balance(account) == 110


def test_expiry_that_takes_the_last_credits_is_told(clock):
    account = account_with(0)
    grant(account, 10, "soon", days=1)
    clock.shift(timedelta(days=1))
    credits_refresh(account_id=account.pk)
    assert [n.notification_type for n in Notification.objects.all()] == ["credits_depleted"]


def test_a_month_that_replaces_the_last_one_is_no_crossing(clock):
    account = on_plan(100)
    assert balance(account) == 100
    clock.shift(timedelta(days=31))
    assert balance(account) == 100
    assert not Notification.objects.exists()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 30)),
        st.tuples(st.just("grant"), st.integers(1, 40), st.one_of(st.none(), st.integers(1, 6))),
        st.tuples(st.just("wait"), st.integers(1, 4)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_sharing_out_late_is_the_same_as_sharing_out_at_once(db, steps):
    """A plain model that takes every charge from the lots at once, against the ledger, which does so at events."""
    with time_machine.travel(START, tick=False) as clock:
        account = account_with(0)
        model: dict[str, list] = {}  # reference -> [remaining, expires_at]
        for n, (step, *values) in enumerate(steps):
            if step == "wait":
                clock.shift(timedelta(days=values[0]))
                for lot in model.values():
                    if lot[1] is not None and lot[1] <= timezone.now():
                        lot[0] = 0
            elif step == "grant":
                amount, days = values
                grant(account, amount, f"{n:03}", days)
                model[f"{n:03}"] = [amount, None if days is None else timezone.now() + timedelta(days=days)]
            else:
                amount = values[0]
                if amount > sum(lot[0] for lot in model.values()):
                    with pytest.raises(InsufficientCredits):
                        charge(account, amount, f"{n:03}")
                    continue
                assert charge(account, amount, f"{n:03}")
                never = datetime.max.replace(tzinfo=UTC)
                for _, lot in sorted(model.items(), key=lambda item: (item[1][1] or never, item[0])):
                    taken = min(amount, lot[0])
                    lot[0] -= taken
                    amount -= taken
        assert balance(account) == sum(lot[0] for lot in model.values())
        assert lots(account) == {reference: lot[0] for reference, lot in model.items()}
