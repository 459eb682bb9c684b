"""10,000 random operations of eight threads: after each of them the books are right.

Each thread looks at the books by itself, after each of its operations, in one snapshot of the database: the sum of
the entries is the balance, it is not below zero, and what each hold moved is what its state says.
"""

import contextlib
import itertools
import os
import random
from collections import Counter
from datetime import timedelta
from fractions import Fraction

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditLot, CreditUsage
from apps.billing.services.ledger import (
    AlreadySettled,
    InsufficientCredits,
    Superseded,
    Usage,
    credits_adjust,
    credits_balance,
    credits_charge,
    credits_grant,
    credits_release,
    credits_reserve,
    credits_settle,
    sweep_holds,
)
from apps.billing.services.lots import balance_lock
from apps.billing.services.reclaims import Given, credits_reclaim, credits_restore
from apps.billing.services.refunds import credits_refund
from apps.core.errors import Conflict, NotFound
from tests.billing.threads import at_once
from tests.factories.billing import account_with

# The whole of it: `make soak-ledger`.
OPERATIONS = int(os.environ.get("OPERATIONS", "1000"))
ACCOUNTS = 25  # one after the other: the check of each step reads all that the account has
THREADS = 8
NAMES = 12  # references that the threads share: few, so that they meet
KINDS = {
    "reserve": 26,
    "settle": 18,
    "release": 12,
    "charge": 14,
    "grant": 10,
    "expire": 6,
    "adjust": 6,
    "refund": 6,
    "sweep": 2,
    "reclaim": 5,
    "restore": 3,
}
BOOKS = """
WITH moved AS (
  SELECT split_part(reference, '#', 1) AS reference, -sum(amount) AS taken FROM billing_creditentry
  WHERE account_id = %(a)s AND kind IN ('reserve', 'settle', 'release') GROUP BY 1
), holds AS (
  SELECT h.reference, h.state, coalesce(m.taken, 0) AS taken,
    CASE h.state WHEN 'held' THEN h.amount WHEN 'released' THEN 0 ELSE u.credits END AS due
  FROM billing_credithold h
  LEFT JOIN moved m ON m.reference = h.reference
  LEFT JOIN billing_creditusage u ON u.account_id = h.account_id AND u.reference = h.reference
  WHERE h.account_id = %(a)s
)
SELECT (SELECT balance FROM billing_creditbalance WHERE account_id = %(a)s),
  (SELECT sum(amount) FROM billing_creditentry WHERE account_id = %(a)s),
  (SELECT balance_after FROM billing_creditentry WHERE account_id = %(a)s ORDER BY id DESC LIMIT 1),
  (SELECT count(*) FROM holds WHERE taken IS DISTINCT FROM due)
"""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(600)]


def check(account_id: int) -> None:
    """One statement is one snapshot: whatever the others do meanwhile, they have done it whole or not at all."""
    with connection.cursor() as cursor:
        cursor.execute(BOOKS, {"a": account_id})
        balance, entries, _, wrong = cursor.fetchone()
    assert balance == entries >= 0, (balance, entries)
    assert wrong == 0


class Worker:
    """One thread's operations, on references that it shares with the others."""

    def __init__(self, account_id: int, seed: int, thread: int):
        self.account_id, self.thread = account_id, thread
        self.rng = random.Random(seed * 1000 + thread)
        self.attempts: dict[str, int] = {}
        self.done: Counter = Counter()

    def run(self, operations: int) -> Counter:
        for step in range(operations):
            [kind] = self.rng.choices(list(KINDS), KINDS.values())
            refused = (InsufficientCredits, AlreadySettled, Superseded, LookupError, Conflict, NotFound)
            with contextlib.suppress(*refused):
                getattr(self, kind)(f"{self.thread}:{step}")
                self.done[f"{kind} done"] += 1
            self.done[kind] += 1
            check(self.account_id)
        return self.done

    def name(self) -> dict:
        return {"account_id": self.account_id, "reference": f"job:{self.rng.randrange(NAMES)}"}

    def reserve(self, own: str) -> None:
        name, ttl = self.name(), timedelta(seconds=self.rng.choice([-1, 0.2, 60]))
        self.attempts[name["reference"]] = credits_reserve(
            amount=self.rng.randint(0, 60), operation="content", ttl=ttl, **name
        )

    def settle(self, own: str) -> None:
        name = self.name()
        attempt = self.attempts.get(name["reference"])
        credits_settle(used=self.rng.randint(0, 90), attempt=attempt, **name)

    def release(self, own: str) -> None:
        name = self.name()
        credits_release(attempt=self.attempts.get(name["reference"]), **name)

    def charge(self, own: str) -> None:
        usage = Usage(model="m") if self.rng.random() < 0.5 else None
        amount = self.rng.randint(0, 40)
        credits_charge(
            account_id=self.account_id, amount=amount, operation="idea", reference=own, usage=usage
        )

    def grant(self, own: str) -> None:
        self._grant(own, None)

    def expire(self, own: str) -> None:
        """A lot that ends while the others work; whoever comes next writes it off."""
        self._grant(own, timezone.now() + timedelta(milliseconds=self.rng.randint(5, 400)))

    def _grant(self, own: str, expires_at) -> None:
        amount = self.rng.randint(1, 120)
        credits_grant(
            account_id=self.account_id, amount=amount, kind="purchase", reference=own, expires_at=expires_at
        )

    def adjust(self, own: str) -> None:
        amount = self.rng.choice([-90, -5, 7, 60])
        credits_adjust(account_id=self.account_id, amount=amount, reference=own, note="")

    def refund(self, own: str) -> None:
        references = CreditUsage.objects.filter(account_id=self.account_id, credits__gt=0)
        found = list(references.order_by("-pk").values_list("reference", flat=True)[:40])
        if found:
            credits_refund(
                account_id=self.account_id, usage_reference=self.rng.choice(found), note="", amount=None
            )

    def reclaim(self, own: str) -> None:
        """A payment goes back, in part or whole, and what its lot no longer holds comes from others, or not."""
        reference = self._bought()
        credits_reclaim(
            account_id=self.account_id,
            given=[Given(reference, owed=self.rng.random() < 0.5)],
            before=Fraction(0),
            after=Fraction(self.rng.randint(1, 3), 3),
            reference=f"back:{reference}",
            note="",
        )

    def restore(self, own: str) -> None:
        reference = self._bought()
        credits_restore(account_id=self.account_id, reference=f"back:{reference}", note="")

    def _bought(self) -> str:
        """One of the first lots, so that the threads meet."""
        lots = CreditLot.objects.filter(account_id=self.account_id, kind="purchase").order_by("pk")
        return self.rng.choice(list(lots.values_list("reference", flat=True)[:NAMES]))

    def sweep(self, own: str) -> None:
        sweep_holds(limit=20)


@pytest.mark.parametrize("seed", [int(os.environ.get("LEDGER_SEED", 1))])
def test_ten_thousand_operations_of_eight_threads(seed):
    done: Counter = Counter()
    for n in range(ACCOUNTS):
        done += operate(seed + n)
    assert sum(done[kind] for kind in KINDS) == OPERATIONS
    # Each was really done, and not only refused; how often depends on who comes first.
    assert all(done[f"{kind} done"] for kind in KINDS), done
    assert CreditEntry.objects.filter(kind="expire").exists()


def operate(seed: int) -> Counter:
    account = account_with(500, monthly=100)
    credits_balance(account_id=account.pk)
    share = OPERATIONS // ACCOUNTS // THREADS
    results = at_once(THREADS, lambda n: Worker(account.pk, seed, n).run(share))
    wrong = [r for r in results if isinstance(r, Exception)]
    assert not wrong, wrong

    # At rest: each entry follows on the one before it, abandoned holds go back, what has ended is written off, and
    # the lots hold the balance.
    soon = timezone.now() + timedelta(seconds=1)
    CreditHold.objects.filter(state="held").update(expires_at=timezone.now() - timedelta(seconds=1))
    while sweep_holds():
        pass
    with transaction.atomic():
        balance_lock(account_id=account.pk, now=soon)
    lots = CreditLot.objects.filter(account=account)
    assert not lots.filter(expires_at__lt=soon, remaining__gt=0).exists()
    check(account.pk)
    assert not CreditHold.objects.filter(state="held").exists()
    credits_grant(account_id=account.pk, amount=1, kind="adjustment", reference="share out what was spent")
    amounts = (
        CreditEntry.objects.filter(account=account).order_by("pk").values_list("amount", "balance_after")
    )
    running = itertools.accumulate(amount for amount, _ in amounts)
    assert [(total, total >= 0) for total in running] == [(after, True) for _, after in amounts]
    balance = CreditBalance.objects.get(account=account).balance
    assert sum(lots.values_list("remaining", flat=True)) == balance
    return sum(results, Counter())
