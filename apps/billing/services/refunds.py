"""Credits that staff give back for work that was paid and was not worth it."""

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.models import CreditEntry, CreditLot, CreditUsage
from apps.billing.services.lots import balance_lock, lot_add
from apps.core.errors import Conflict, NotFound


def credits_refund(
    *, account_id: int, usage_reference: str, note: str, amount: int | None = None, user_id: int | None = None
) -> int:
    """Gives back `amount` of the credits that a usage took, or what is left of them. Returns how many.

    They do not expire. All refunds of a usage are together no more than it took: what was given back already
    gives 0. Raises NotFound, Conflict for more than is left.
    """
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=timezone.now())
        usage = CreditUsage.objects.filter(account_id=account_id, reference=usage_reference).first()
        if usage is None:
            raise NotFound(f"Nothing was used as {usage_reference}.")
        before = CreditEntry.objects.filter(
            account_id=account_id, kind=CreditEntry.Kind.REFUND, reference__startswith=f"refund:{usage.pk}:"
        )
        done = before.aggregate(n=Sum("amount", default=0))["n"]
        left = usage.credits - done
        if amount is not None and not 0 < amount <= max(left, 0):
            raise Conflict(f"It took {usage.credits:,} credits, of which {left:,} are left to be given back.")
        amount = left if amount is None else amount
        if amount:
            lot_add(
                balance,
                amount=amount,
                kind=CreditLot.Kind.RETURNED,
                reference=f"refund:{usage.pk}:{done + amount}",
                expires_at=None,
                entry_kind=CreditEntry.Kind.REFUND,
                operation=usage.operation,
                note=note[:300],
                user_id=user_id,
            )
    return amount
