"""Many at once against the real database: nothing is lost, nothing is done twice, nothing falls below zero."""

import contextlib
import random
from collections import Counter
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditLot, CreditUsage
from apps.billing.services.ledger import (
    AlreadySettled,
    InsufficientCredits,
    Superseded,
    credits_adjust,
    credits_balance,
    credits_charge,
    credits_grant,
    credits_release,
    credits_reserve,
    credits_settle,
    sweep_holds,
)
from apps.notifications.models import Notification
from tests.billing.threads import at_once
from tests.factories.billing import account_with

pytestmark = pytest.mark.django_db(transaction=True)


def books(account) -> int:
    """The balance, once the books are found to be right."""
    entries = CreditEntry.objects.filter(account=account).order_by("pk")
    balance = CreditBalance.objects.get(account=account).balance
    assert balance == entries.aggregate(n=Sum("amount"))["n"] >= 0
    running = 0
    for entry in entries:
        running += entry.amount
        assert entry.balance_after == running >= 0
    for hold in CreditHold.objects.filter(account=account):
        moved = entries.filter(reference__startswith=f"{hold.reference}#").aggregate(n=Sum("amount"))["n"]
        if hold.state == "settled":
            assert -moved == CreditUsage.objects.get(account=account, reference=hold.reference).credits
        else:
            assert -moved == (hold.amount if hold.state == "held" else 0)
    return balance


def only(results: list, *kinds: type) -> None:
    wrong = [r for r in results if isinstance(r, Exception) and not isinstance(r, kinds)]
    assert not wrong, wrong


@pytest.mark.parametrize(("bought", "monthly", "amount"), [(107, 0, 3), (0, 1000, 17), (0, 960, 12)])
def test_sixteen_spend_the_last_credits(bought, monthly, amount):
    account = account_with(bought, monthly=monthly)
    start = bought + monthly

    def spend(thread):
        done = 0
        for n in range(start):
            try:
                done += credits_charge(
                    account_id=account.pk, amount=amount, operation="keyword", reference=f"{thread}:{n}"
                )
            except InsufficientCredits:
                return done
        return done

    results = at_once(16, spend)
    only(results)
    assert sum(results) == start // amount
    assert books(account) == start % amount
    told = Counter(Notification.objects.filter(account=account).values_list("notification_type", flat=True))
    assert told["credits_low"] == (1 if monthly else 0)
    assert told["credits_depleted"] == (0 if start % amount else 1)


@pytest.mark.parametrize("inside", [False, True], ids=["on its own", "in a transaction"])
def test_the_same_reference_from_eight(inside):
    account = account_with(100)
    outer = transaction.atomic if inside else nullcontext
    name = {"account_id": account.pk, "reference": "job"}

    def of(call):
        def run(_):
            with outer():
                return call()

        return at_once(8, run)

    results = of(lambda: credits_reserve(amount=30, operation="content", **name))
    assert sorted(results) == list(range(1, 9))
    assert books(account) == 70
    only(of(lambda: credits_release(**name)))
    assert books(account) == 100
    only(of(lambda: credits_reserve(amount=30, operation="content", **name)))
    assert books(account) == 70
    assert of(lambda: credits_settle(used=20, **name)) == [20] * 8
    assert books(account) == 80
    assert all(
        isinstance(r, AlreadySettled)
        for r in of(lambda: credits_reserve(amount=30, operation="content", **name))
    )
    charged = of(lambda: credits_charge(amount=10, operation="keyword", **name))
    assert sorted(charged) == [False] * 7 + [True]
    granted = of(lambda: credits_grant(amount=10, kind="purchase", **name))
    assert sorted(granted) == [False] * 7 + [True]
    assert of(lambda: credits_adjust(amount=-5, note="", account_id=account.pk, reference="a")) == [-5] * 8
    assert books(account) == 75
    assert list(CreditHold.objects.values_list("attempt", "state")) == [(16, "settled")]


def test_a_months_credits_come_once_when_eight_look_at_once():
    account = account_with(0, monthly=1000)
    results = at_once(8, lambda _: credits_balance(account_id=account.pk)["balance"])
    assert results == [1000] * 8
    CreditBalance.objects.update(next_event_at=timezone.now() - timedelta(seconds=1))
    results = at_once(
        8, lambda n: credits_charge(account_id=account.pk, amount=1, operation="keyword", reference=f"{n}")
    )
    assert results == [True] * 8
    assert books(account) == 992
    assert CreditLot.objects.filter(account=account).count() == 1


def test_settle_and_release_race_for_one_hold():
    account = account_with(1000)
    for n in range(10):
        name = {"account_id": account.pk, "reference": f"job:{n}"}
        credits_reserve(amount=10, operation="content", **name)
        calls = [lambda name=name: credits_settle(used=4, **name), lambda name=name: credits_release(**name)]
        only(at_once(4, lambda i, calls=calls: calls[i % 2]()))
        books(account)
    # Whoever came first: the work was done and is paid, out of the reserve or of what is available.
    assert books(account) == 1000 - 10 * 4


def test_of_eight_executions_of_one_work_only_the_last_settles():
    account = account_with(1000)
    for n in range(5):
        name = {"account_id": account.pk, "reference": f"job:{n}"}

        def execute(i, name=name):
            attempt = credits_reserve(amount=10, operation="content", **name)
            if i % 2:
                credits_release(attempt=attempt, **name)
                return None
            return credits_settle(used=4, attempt=attempt, **name)

        results = at_once(8, execute)
        only(results, AlreadySettled, Superseded)
        books(account)
        assert sum(r == 4 for r in results) <= 1
        assert CreditUsage.objects.filter(reference=f"job:{n}").count() == sum(r == 4 for r in results)


@pytest.mark.parametrize("seed", [1, 2])
def test_eight_do_all_sorts_of_things(seed):
    account = account_with(300, monthly=100)
    jobs = [f"job:{n}" for n in range(12)]

    def worker(thread):
        rng = random.Random(seed * 100 + thread)
        for step in range(20):
            name = {"account_id": account.pk, "reference": rng.choice(jobs)}
            own = {"account_id": account.pk, "reference": f"{thread}:{step}"}
            call = rng.choice(
                ["reserve", "reserve", "settle", "release", "charge", "grant", "adjust", "sweep"]
            )
            try:
                match call:
                    case "reserve":
                        ttl = timedelta(seconds=rng.choice([-1, 60]))
                        credits_reserve(amount=rng.randint(0, 60), operation="content", ttl=ttl, **name)
                    case "settle":
                        credits_settle(used=rng.randint(0, 90), **name)
                    case "release":
                        credits_release(**name)
                    case "charge":
                        credits_charge(amount=rng.randint(0, 40), operation="keyword", **own)
                    case "grant":
                        ends = timezone.now() + timedelta(milliseconds=200) if rng.random() < 0.5 else None
                        credits_grant(amount=rng.randint(1, 30), kind="purchase", expires_at=ends, **own)
                    case "adjust":
                        credits_adjust(amount=rng.choice([-20, 15]), note="", **own)
                    case "sweep":
                        sweep_holds()
            except (InsufficientCredits, AlreadySettled, LookupError):
                pass

    only(at_once(8, worker))
    books(account)
    credits_grant(account_id=account.pk, amount=1, kind="adjustment", reference="share out what was spent")
    assert CreditLot.objects.filter(account=account).aggregate(n=Sum("remaining"))["n"] == books(account)
    held = CreditHold.objects.filter(account=account, state="held").aggregate(n=Sum("amount", default=0))["n"]
    assert credits_balance(account_id=account.pk)["held"] == held


def test_a_deleted_account_leaves_nothing_of_spends_that_run_beside_it():
    account = account_with(100_000)
    pk = account.pk

    def work(number):
        if number == 0:
            account.delete()
            return
        for turn in range(60):
            with contextlib.suppress(InsufficientCredits, ObjectDoesNotExist, IntegrityError):
                credits_reserve(
                    account_id=pk, amount=1, operation="content", reference=f"{number}:{turn}", user_id=None
                )

    at_once(8, work)
    assert not CreditBalance.objects.filter(account_id=pk).exists()
    assert not CreditEntry.objects.filter(account_id=pk).exists()
    assert not CreditHold.objects.filter(account_id=pk).exists()
