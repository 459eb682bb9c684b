"""Many charges of one account at once: as many statements for ten thousand as for one."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.billing.models import CreditEntry, CreditUsage
from apps.billing.services.lots import balance_lock, catch_up, crossings_tell


@dataclass(frozen=True, slots=True)
class Charge:
    """`amount` credits for an object, once for ever under its `reference`."""

    reference: str
    amount: int
    object_id: int


def credits_charge_each(
    *,
    account_id: int,
    charges: Iterable[Charge],
    operation: str,
    object_type: str,
    site_id: int | None = None,
    user_id: int | None = None,
    most: int | None = None,
) -> dict[str, int]:
    """Takes the credits of each that can be paid, in their order; what is too dear does not hold up the cheaper.

    Returns the credits taken by reference: 0 for what was charged before, nothing for what could not be paid, or
    comes after `most` others. An entry in the ledger and a row in the usage log for each that was taken.
    """
    charges, now = list(charges), timezone.now()
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        if balance.balance < sum(charge.amount for charge in charges):
            catch_up(balance, now)  # a plan that staff changed may have brought credits
        known = CreditEntry.objects.filter(account_id=account_id, kind=CreditEntry.Kind.CHARGE)
        known = known.extra(where=["reference = ANY(%s)"], params=[[c.reference for c in charges]])
        before = set(known.values_list("reference", flat=True))
        taken: dict[str, int] = {}
        entries, usages, left = [], [], balance.balance
        for charge in charges:
            if len(taken) == most:
                break
            if charge.reference in before:
                taken.setdefault(charge.reference, 0)
            elif charge.reference not in taken and charge.amount <= left:
                left -= charge.amount
                taken[charge.reference] = charge.amount
                shared = {"account_id": account_id, "operation": operation, "reference": charge.reference}
                entries.append(
                    CreditEntry(
                        **shared,
                        kind=CreditEntry.Kind.CHARGE,
                        amount=-charge.amount,
                        balance_after=left,
                        user_id=user_id,
                    )
                )
                usages.append(
                    CreditUsage(
                        **shared,
                        credits=charge.amount,
                        object_type=object_type,
                        object_id=charge.object_id,
                        site_id=site_id,
                        user_id=user_id,
                    )
                )
        if entries:
            entries = CreditEntry.objects.bulk_create(entries)
            CreditUsage.objects.bulk_create(usages)
            held, balance.balance = balance.balance, left
            balance.save(update_fields=["balance"])
            crossings_tell(account_id=account_id, before=held, after=left, entry_id=entries[-1].pk)
    return taken
