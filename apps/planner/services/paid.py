"""Paid work of the planner: reserved before, given back when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import transaction

from apps.billing.services.ledger import credits_release, credits_reserve
from apps.core.jobs import LeaseLost


@contextmanager
def reserved(
    *, account_id: int, amount: int, operation: str, reference: str, user_id: int | None
) -> Iterator[None]:
    """Reserves `amount` credits for the block, which settles them. Raises InsufficientCredits and AlreadySettled."""
    credits_reserve(
        account_id=account_id, amount=amount, operation=operation, reference=reference, user_id=user_id
    )
    try:
        yield
    except LeaseLost:
        raise  # the execution that took over owns the hold now
    except BaseException:
        credits_release(account_id=account_id, reference=reference)
        raise


def credits_check(*, account_id: int, amount: int, operation: str) -> None:
    """Raises InsufficientCredits when `amount` could not be reserved now. Reserves nothing."""
    with transaction.atomic():
        credits_reserve(
            account_id=account_id, amount=amount, operation=operation, reference=f"check:{uuid4()}"
        )
        transaction.set_rollback(True)
