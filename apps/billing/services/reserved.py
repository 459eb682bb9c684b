"""Paid work: reserved before, given back when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import transaction

from apps.billing.services.ledger import credits_release, credits_reserve


@contextmanager
def reserved(
    *, account_id: int, amount: int, operation: str, reference: str, user_id: int | None
) -> Iterator[int]:
    """Reserves `amount` credits for the block, which settles them with the attempt that it is given.

    A block that fails gives them back, unless another execution reserved under the same reference since: then
    they are that one's. Raises InsufficientCredits and AlreadySettled.
    """
    attempt = credits_reserve(
        account_id=account_id, amount=amount, operation=operation, reference=reference, user_id=user_id
    )
    try:
        yield attempt
    except BaseException:
        credits_release(account_id=account_id, reference=reference, attempt=attempt)
        raise


def credits_check(*, account_id: int, amount: int, operation: str) -> None:
    """Raises InsufficientCredits when `amount` could not be reserved now. Reserves nothing."""
    with transaction.atomic():
        credits_reserve(
            account_id=account_id, amount=amount, operation=operation, reference=f"check:{uuid4()}"
        )
        transaction.set_rollback(True)
