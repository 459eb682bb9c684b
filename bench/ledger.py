"""How fast one account's credits can be spent by many at once, and that no spend is lost.

    make bench-ledger        (SPENDERS=100 PROCESSES=4 ROUNDS=9 SECONDS=1.5)

100 spenders are 4 processes of 25 threads, each thread with a connection of its own, all on the same row. The variants
run in turns, each on its own account, in a scratch database of the configured server (`bench_igny8`), which is dropped
at the end:

  charge       credits_charge: one statement: balance, entry and usage
  reserve      credits_reserve: one statement: balance, hold and entry
  floor        UPDATE of a balance, autocommitted, no entry: the least that any ledger pays
  for_update   the usual Django: atomic, select_for_update, save, create the entry and the usage
  read_modify  read, subtract, save, without a lock: what it loses

After each round the sum of an account's entries is held against its balance. At the end as many race for the last
credits of an account.
"""

import json
import multiprocessing
import os
import statistics
import sys
import threading
import time

SPENDERS = int(os.environ.get("SPENDERS", 100))
PROCESSES = int(os.environ.get("PROCESSES", 4))
ROUNDS = int(os.environ.get("ROUNDS", 9))
SECONDS = float(os.environ.get("SECONDS", 1.5))
DATABASE = "bench_igny8"
START = 10**12
LAST = 1000
VARIANTS = ("charge", "reserve", "floor", "for_update", "read_modify")


def charge(account_id: int, name: str) -> None:
    from apps.billing.services.ledger import credits_charge

    credits_charge(account_id=account_id, amount=1, operation="keyword", reference=name)


def reserve(account_id: int, name: str) -> None:
    from apps.billing.services.ledger import credits_reserve

    credits_reserve(account_id=account_id, amount=1, operation="content", reference=name)


def floor(account_id: int, name: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_creditbalance SET balance = balance - 1 WHERE account_id = %s AND balance >= 1",
            [account_id],
        )


def _entry(account_id: int, name: str, balance: int) -> None:
    from apps.billing.models import CreditEntry, CreditUsage

    CreditEntry.objects.create(
        account_id=account_id, amount=-1, balance_after=balance, kind="charge", reference=name, operation="keyword"
    )
    CreditUsage.objects.create(account_id=account_id, operation="keyword", credits=1, reference=name)


def for_update(account_id: int, name: str) -> None:
    from django.db import transaction

    from apps.billing.models import CreditBalance

    with transaction.atomic():
        row = CreditBalance.objects.select_for_update().get(account_id=account_id)
        row.balance -= 1
        row.save(update_fields=["balance"])
        _entry(account_id, name, row.balance)


def read_modify(account_id: int, name: str) -> None:
    from apps.billing.models import CreditBalance

    row = CreditBalance.objects.get(account_id=account_id)
    row.balance -= 1
    row.save(update_fields=["balance"])
    _entry(account_id, name, row.balance)


def last(account_id: int, name: str) -> None:
    charge(account_id, name)


def spender(worker: int, plan: list, accounts: dict, start, end, counts, errors) -> None:
    """One process: its threads wait for `start`, spend until the time is over, and meet again at `end`."""
    import django

    django.setup()
    from django.db import connection

    from apps.billing.services.ledger import InsufficientCredits

    connection.settings_dict["NAME"] = DATABASE
    lock = threading.Lock()

    def run(thread: int) -> None:
        connection.ensure_connection()
        for turn, (variant, seconds) in enumerate(plan):
            function, account_id, done = globals()[variant], accounts[variant], 0
            start.wait()
            until = time.monotonic() + seconds
            try:
                while time.monotonic() < until:
                    function(account_id, f"{turn}:{worker}:{thread}:{done}")
                    done += 1
            except InsufficientCredits:
                pass
            except Exception as error:
                with lock:
                    errors.put(f"{variant}: {error!r}")
            with lock:
                counts[turn] += done
            end.wait()
        connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(SPENDERS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def prepare() -> dict[str, int]:
    """An account for each variant, with credits that do not run out; for `last` with few."""
    from apps.accounts.models import Account, Plan, Subscription
    from apps.billing.services.ledger import credits_grant

    plan = Plan.objects.create(name="Bench", slug="bench", monthly_credits=1000, rolls_over=True)
    accounts = {}
    for variant in (*VARIANTS, "last"):
        account = Account.objects.create(name=variant)
        Subscription.objects.create(account=account, plan=plan)
        if variant == "last":
            # With the plan's 1,000 these are all.
            credits_grant(account_id=account.pk, amount=LAST, kind="purchase", reference="bench")
        for part in range(500 if variant != "last" else 0):
            credits_grant(account_id=account.pk, amount=2 * 10**9, kind="purchase", reference=f"bench:{part}")
        accounts[variant] = account.pk
    return accounts
