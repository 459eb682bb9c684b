"""How fast one account's credits can be spent by many at once, and that no spend is lost.

    make bench-ledger        (SPENDERS=100 PROCESSES=4 ROUNDS=9 SECONDS=1.5)

100 spenders are 4 processes of 25 threads, each thread with a connection of its own, all on the same row. The
variants run in turns, each on an account of its own, in a scratch database beside the configured one, which is
dropped at the end:

  charge       credits_charge, one statement: balance and entry
  reserve      credits_reserve, one statement: balance, hold and entry
  floor        UPDATE of a balance, autocommitted, no entry: the least that any ledger pays
  for_update   the usual Django: atomic, select_for_update, save, create the entry
  read_modify  the same without a lock: read, subtract, save

At the end the balance of each account is held against what was spent from it, and as many spenders race for the last
credits of an account. `ratio floor` and `ratio for_update` are medians of charge over those.
"""

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
PURCHASED = 2_000_000_000
MONTHLY = LAST = 1000
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
    from apps.billing.models import CreditEntry

    CreditEntry.objects.create(
        account_id=account_id,
        amount=-1,
        balance_after=balance,
        kind="charge",
        reference=name,
        operation="keyword",
    )


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


last = charge


def spender(worker: int, turns: list, accounts: dict, start, end, counts, errors) -> None:
    """One process. Its threads meet the others before and after each turn, and spend in between."""
    import django

    django.setup()
    from django.db import connection

    from apps.billing.services.ledger import InsufficientCredits

    connection.settings_dict["NAME"] = DATABASE

    def run(thread: int) -> None:
        connection.ensure_connection()
        for turn, (variant, seconds) in enumerate(turns):
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
                errors.put(f"{variant}: {error!r}")
            with counts.get_lock():
                counts[turn] += done
            end.wait()
        connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(SPENDERS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def prepare() -> dict[str, int]:
    """An account for each variant, with more credits than can be spent; one with 2,000 for `last`."""
    from apps.accounts.models import Account, Plan, Subscription
    from apps.billing.services.ledger import credits_grant

    plan = Plan.objects.create(name="Bench", slug="bench", monthly_credits=MONTHLY)
    accounts = {}
    for variant in (*VARIANTS, "last"):
        account = Account.objects.create(name=variant)
        Subscription.objects.create(account=account, plan=plan)
        amount = LAST if variant == "last" else PURCHASED
        credits_grant(account_id=account.pk, amount=amount, kind="purchase", reference="bench")
        accounts[variant] = account.pk
    return accounts


def check(accounts: dict[str, int], spent: dict[str, int]) -> list[str]:
    """What is wrong with the books of ours; prints what the others did to theirs."""
    from django.db.models import Sum

    from apps.billing.models import CreditBalance, CreditEntry

    wrong = []
    for variant, account_id in accounts.items():
        granted = MONTHLY + (LAST if variant == "last" else PURCHASED)
        balance = CreditBalance.objects.get(account_id=account_id).balance
        entries = CreditEntry.objects.filter(account_id=account_id).aggregate(n=Sum("amount"))["n"]
        lost = spent[variant] - (granted - balance)
        if spent[variant]:
            print(
                f"{variant:12} {spent[variant]:8,} spent, {lost:7,} lost ({100 * lost / spent[variant]:.0f} %)"
            )
        exact = balance == entries == granted - spent[variant]
        if variant in ("charge", "reserve", "last") and not exact:
            wrong.append(
                f"{variant}: balance {balance}, entries {entries}, spent {spent[variant]} of {granted}"
            )
        if variant == "last" and balance != 0:
            wrong.append(f"{balance} of the last credits are left")
    return wrong


def measure(accounts: dict[str, int]) -> tuple[dict[str, list[float]], dict[str, int], list[str]]:
    """Rates (spends a second) of each variant by round, what was spent in all, and what failed."""
    turns = [(variant, 0.3) for variant in VARIANTS]
    turns += [(variant, SECONDS) for _ in range(ROUNDS) for variant in VARIANTS]
    turns.append(("last", 60.0))
    context = multiprocessing.get_context("spawn")
    parties = SPENDERS // PROCESSES * PROCESSES + 1
    start, end = context.Barrier(parties), context.Barrier(parties)
    counts, errors = context.Array("q", len(turns)), context.Queue()
    workers = [
        context.Process(target=spender, args=(n, turns, accounts, start, end, counts, errors))
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    rates: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    spent = dict.fromkeys(accounts, 0)
    for turn, (variant, _) in enumerate(turns):
        start.wait(timeout=120)
        began = time.monotonic()
        end.wait(timeout=120)
        spent[variant] += counts[turn]
        if len(VARIANTS) <= turn < len(turns) - 1:
            rates[variant].append(counts[turn] / (time.monotonic() - began))
    for worker in workers:
        worker.join()
    failed = []
    while not errors.empty():
        failed.append(errors.get())
    return rates, spent, failed


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        accounts = prepare()
        rates, spent, wrong = measure(accounts)
        print(f"{SPENDERS} spenders on one account, {PROCESSES} processes, {ROUNDS} rounds of {SECONDS} s\n")
        print(f"{'':12} {'spends/s':>9} {'of floor':>9} {'lowest':>7} {'highest':>8}")
        for variant in VARIANTS:
            ratios = [ours / floor for ours, floor in zip(rates[variant], rates["floor"], strict=True)]
            print(
                f"{variant:12} {statistics.median(rates[variant]):9,.0f} {statistics.median(ratios):9.2f}"
                f" {min(ratios):7.2f} {max(ratios):8.2f}"
            )
        print()
        wrong += check(accounts, spent)
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0)
    for sentence in wrong:
        print("WRONG:", sentence)
    print("\nexact, and never below zero" if not wrong else "")
    for other in ("floor", "for_update"):
        ratios = [ours / theirs for ours, theirs in zip(rates["charge"], rates[other], strict=True)]
        print(f"ratio {other} {statistics.median(ratios):.2f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
