"""Credits that go the way of the money: taken back when a payment is given back, returned when a dispute is won."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from django.db import transaction
from django.utils import timezone

from apps.billing.models import CreditBalance, CreditEntry, CreditLot
from apps.billing.services.lots import balance_lock, crossings_tell, entry_add, lots_fold


@dataclass(frozen=True, slots=True)
class Given:
    """A lot that a payment brought, by its reference. `owed`: what was spent of it is taken from other lots."""

    reference: str
    owed: bool


def credits_reclaim(
    *,
    account_id: int,
    given: Iterable[Given],
    before: Fraction,
    after: Fraction,
    reference: str,
    note: str,
    user_id: int | None = None,
) -> tuple[int, int]:
    """Takes back what was given, from the share `before` of it that is taken already to the share `after`.

    Returns the credits taken and those that were owed and not there: the balance never goes below zero. They come from
    the lot itself, then, where they are owed, from the others in the order they expire; an entry for each. The same
    `reference` again takes nothing.
    """
    missing = 0
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=timezone.now())
        if _entries(account_id, reference, CreditEntry.Kind.RECLAIM).exists():
            return 0, 0
        had, steps = balance.balance, {}
        living = lots_fold(balance)
        for one in given:
            granted = CreditEntry.objects.filter(
                account_id=account_id, reference=one.reference, kind=CreditEntry.Kind.GRANT
            ).first()
            due = int(granted.amount * after) - int(granted.amount * before) if granted else 0
            own = [lot for lot in living if lot.reference == one.reference]
            others = [lot for lot in living if lot not in own] if one.owed else []
            for lot in [*own, *others]:
                if step := min(due, lot.remaining):
                    # `amount` too, or a reserve that is released would fill the lot again.
                    lot.remaining, lot.amount = lot.remaining - step, lot.amount - step
                    steps[lot] = steps.get(lot, 0) + step
                    due -= step
            missing += due if one.owed else 0
        for lot, step in steps.items():
            lot.save(update_fields=["remaining", "amount"])
            entry = entry_add(
                balance,
                amount=-step,
                kind=CreditEntry.Kind.RECLAIM,
                reference=f"{reference}:{lot.pk}",
                note=note[:300],
                user_id=user_id,
            )
        if steps:
            crossings_tell(account_id=account_id, before=had, after=balance.balance, entry_id=entry.pk)
    return sum(steps.values()), missing


def credits_restore(*, account_id: int, reference: str, note: str) -> int:
    """Returns what `credits_reclaim` took under the reference, each to its lot, whose end moves by the time that they
    were away. Returns how many. Twice: nothing."""
    now, restored = timezone.now(), 0
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        lots_fold(balance)
        done = _entries(account_id, reference, CreditEntry.Kind.RESTORE).values("reference")
        taken = _entries(account_id, reference, CreditEntry.Kind.RECLAIM).exclude(reference__in=done)
        for entry in taken.order_by("pk"):
            lot = CreditLot.objects.get(account_id=account_id, pk=entry.reference.rsplit(":", 1)[1])
            _give(balance, lot, entry, now, note)
            restored -= entry.amount
    return restored


def _entries(account_id: int, reference: str, kind: str):
    return CreditEntry.objects.filter(
        account_id=account_id, reference__startswith=f"{reference}:", kind=kind
    ).order_by()


def _give(balance: CreditBalance, lot: CreditLot, taken: CreditEntry, now: datetime, note: str) -> None:
    lot.remaining -= taken.amount
    lot.amount -= taken.amount
    if lot.expires_at is not None:
        lot.expires_at += now - taken.created_at
    lot.save(update_fields=["remaining", "amount", "expires_at"])
    entry_add(
        balance,
        amount=-taken.amount,
        kind=CreditEntry.Kind.RESTORE,
        reference=taken.reference,
        note=note[:300],
    )
    if lot.expires_at is not None and lot.expires_at < balance.next_event_at:
        balance.next_event_at = lot.expires_at
        balance.save(update_fields=["next_event_at"])
