"""Credits: granted, reserved, settled, released, charged. Exact under any number of concurrent callers.

The balance is the sum of the entries; a reserve is an entry of minus the estimate, so what is reserved is
gone from it. A spend is one statement that changes the balance on condition and writes the entry. What it can
not do in passing (a month begins, a lot expires, a threshold is crossed, the reference was used before, the
credits are short) changes nothing, and is done again under the lock of the balance's row. docs/adr/ledger.md
says why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from apps.billing.models import CreditBalance, CreditEntry, CreditHold, CreditLot, CreditUsage
from apps.billing.services.lots import (
    active_subscription,
    balance_lock,
    catch_up,
    crossings_tell,
    entry_add,
    is_due,
    lot_add,
)
from apps.billing.services.statements import (
    CHARGE,
    CHARGE_WITH_USAGE,
    RESERVE,
    spend_in_passing,
    spend_locked,
)
from apps.core.errors import AppError
from apps.core.jobs import LeaseLost

MAX_CREDITS = 2**31 - 1


class InsufficientCredits(AppError):
    status = 402
    code = "INSUFFICIENT_CREDITS"

    def __init__(self, needed: int, available: int):
        super().__init__(
            f"This needs {needed:,} credits and {available:,} are available. "
            "Buy credits, or wait for the next month's.",
            details={"needed": needed, "available": available},
        )


class AlreadySettled(Exception):
    """The work of this reference was done, stored and paid before. Callers take it for done."""


class Superseded(LeaseLost):
    """Another execution reserved under the same reference since: the work, and its hold, are its own now."""


@dataclass(frozen=True)
class Usage:
    """What a paid operation did. `cost` is the provider's, in USD."""

    provider: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    object_type: str = ""
    object_id: int | None = None
    site_id: int | None = None
    user_id: int | None = None
    run_id: int | None = None

    def columns(self) -> dict:
        return vars(self) | {
            "provider": self.provider[:20],
            "model": self.model[:100],
            "object_type": self.object_type[:40],
        }


def credits_reserve(
    *,
    account_id: int,
    amount: int,
    operation: str,
    reference: str,
    user_id: int | None = None,
    ttl: timedelta = timedelta(hours=2),
) -> int:
    """Sets `amount` credits aside under `reference`, until they are settled, released, or `ttl` has passed.

    Returns the attempt, which names this caller's turn: settle and release with it. Again while they are held
    nothing moves, but the hold passes to the new caller, with a new `ttl`. After a release they are reserved
    anew. Raises AlreadySettled when this reference was settled, InsufficientCredits when the credits are short.
    """
    now = timezone.now()
    values = {
        "account_id": account_id,
        "amount": _whole(amount),
        "operation": operation,
        "reference": reference,
        "user_id": user_id,
        "expires_at": now + ttl,
        "now": now,
    }
    if row := spend_in_passing(RESERVE, values):
        return row[2]
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        hold = CreditHold.objects.filter(account_id=account_id, reference=reference).first()
        if hold is not None and hold.state == CreditHold.State.SETTLED:
            raise AlreadySettled(reference)
        if hold is not None and hold.state == CreditHold.State.HELD:
            CreditHold.objects.filter(pk=hold.pk).update(
                attempt=hold.attempt + 1, expires_at=Greatest(F("expires_at"), now + ttl)
            )
            return hold.attempt + 1
        row = spend_locked(RESERVE, values, balance)
    if row is None:
        raise InsufficientCredits(amount, balance.balance)
    return row[2]


def credits_settle(
    *, account_id: int, reference: str, used: int, usage: Usage | None = None, attempt: int | None = None
) -> int:
    """Ends a reserve with what was `used`; the rest goes back. Returns the credits taken. Twice does nothing.

    What was used beyond the reserve is taken from what is available; what lies beyond that is recorded as our
    loss. Of a reserve that was released meanwhile (the sweep took it for abandoned) all is taken from what is
    available. Call it in the transaction that stores the work, with the `attempt` of the reserve: where another
    one followed it, it raises AlreadySettled when that one's work is stored, Superseded while it goes on. Raises
    LookupError for a reference that was never reserved.
    """
    now = timezone.now()
    used = _whole(used)
    usage = usage or Usage()
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        hold = CreditHold.objects.filter(account_id=account_id, reference=reference).first()
        if hold is None:
            raise LookupError(f"nothing was reserved as {reference}")
        if attempt not in (None, hold.attempt):
            raise (AlreadySettled if hold.state == CreditHold.State.SETTLED else Superseded)(reference)
        if hold.state == CreditHold.State.SETTLED:
            return CreditUsage.objects.get(account_id=account_id, reference=reference).credits
        reserved = hold.amount if hold.state == CreditHold.State.HELD else 0
        taken = min(used, reserved + balance.balance)
        before = balance.balance
        entry = entry_add(
            balance,
            amount=reserved - taken,
            kind=CreditEntry.Kind.SETTLE,
            reference=f"{reference}#{hold.attempt}",
            operation=hold.operation,
            user_id=usage.user_id,
        )
        CreditHold.objects.filter(pk=hold.pk).update(state=CreditHold.State.SETTLED)
        CreditUsage.objects.create(
            account_id=account_id,
            operation=hold.operation,
            credits=taken,
            loss=used - taken,
            reference=reference,
            **usage.columns(),
        )
        crossings_tell(account_id=account_id, before=before, after=balance.balance, entry_id=entry.pk)
    return taken


def credits_release(*, account_id: int, reference: str, attempt: int | None = None) -> None:
    """Gives a reserve back. Twice, after a settle, or of what was never reserved: nothing.

    With the `attempt` of the reserve also nothing when another one followed it: the hold is that one's.
    """
    rows = CreditHold.objects.filter(account_id=account_id, reference=reference)
    _release(account_id, rows if attempt is None else rows.filter(attempt=attempt))


def sweep_holds(*, limit: int = 500) -> int:
    """Releases reserves whose time is over: whoever made them is gone. Returns how many."""
    overdue = CreditHold.objects.filter(state=CreditHold.State.HELD, expires_at__lt=timezone.now())
    found = list(overdue.order_by("expires_at").values_list("account_id", "pk")[:limit])
    return sum(_release(account_id, overdue.filter(pk=pk)) for account_id, pk in found)


def credits_charge(
    *,
    account_id: int,
    amount: int,
    operation: str,
    reference: str,
    user_id: int | None = None,
    note: str = "",
    usage: Usage | None = None,
) -> bool:
    """Takes `amount` credits at once. False, and nothing taken, when this reference was charged already.

    Only with `usage` is there a row in the usage log, beside the entry in the ledger.
    Raises InsufficientCredits when the credits are short.
    """
    now = timezone.now()
    statement = CHARGE_WITH_USAGE if usage else CHARGE
    values = (usage or Usage()).columns() | {
        "account_id": account_id,
        "amount": _whole(amount),
        "operation": operation,
        "reference": reference,
        "user_id": user_id or (usage.user_id if usage else None),
        "note": note[:300],
        "now": now,
    }
    if spend_in_passing(statement, values):
        return True
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        if CreditEntry.objects.filter(account_id=account_id, reference=reference, kind="charge").exists():
            return False
        row = spend_locked(statement, values, balance)
    if row is None:
        raise InsufficientCredits(amount, balance.balance)
    return True


def credits_grant(
    *,
    account_id: int,
    amount: int,
    kind: str,
    reference: str,
    expires_at: datetime | None = None,
    note: str = "",
    user_id: int | None = None,
) -> bool:
    """Gives a lot of `amount` credits of a CreditLot.Kind. False when this reference was granted already."""
    now = timezone.now()
    if not _whole(amount):
        raise ValueError("a grant is of at least 1 credit")
    if kind not in CreditLot.Kind.values:
        raise ValueError(f"{kind} is no kind of a lot")
    if expires_at is not None and expires_at <= now:
        raise ValueError("a grant can not expire in the past")
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=now)
        if CreditLot.objects.filter(account_id=account_id, reference=reference).exists():
            return False
        lot_add(
            balance,
            amount=amount,
            kind=kind,
            reference=reference,
            expires_at=expires_at,
            entry_kind=CreditEntry.Kind.ADJUST
            if kind == CreditLot.Kind.ADJUSTMENT
            else CreditEntry.Kind.GRANT,
            note=note[:300],
            user_id=user_id,
        )
    return True


def credits_adjust(
    *, account_id: int, amount: int, reference: str, note: str, user_id: int | None = None
) -> int:
    """Staff's correction, signed. Returns the credits moved: a negative one takes no more than is there.

    The same reference again moves nothing and returns what it moved.
    """
    if not amount:
        raise ValueError("an adjustment is of at least 1 credit")
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=timezone.now())
        done = CreditEntry.objects.filter(account_id=account_id, reference=reference, kind="adjust").first()
        if done is not None:
            return done.amount
        if amount > 0:
            credits_grant(
                account_id=account_id,
                amount=amount,
                kind=CreditLot.Kind.ADJUSTMENT,
                reference=reference,
                note=note,
                user_id=user_id,
            )
            return amount
        before = balance.balance
        entry = entry_add(
            balance,
            amount=-min(before, _whole(-amount)),
            kind=CreditEntry.Kind.ADJUST,
            reference=reference,
            note=note[:300],
            user_id=user_id,
        )
        crossings_tell(account_id=account_id, before=before, after=balance.balance, entry_id=entry.pk)
        return entry.amount


def credits_refresh(*, account_id: int) -> None:
    """Does what is due: an account's first credits, a new month's, those of a plan that staff changed."""
    now = timezone.now()
    if is_due(account_id=account_id, now=now):
        with transaction.atomic():
            catch_up(balance_lock(account_id=account_id, now=now), now)


def credits_balance(*, account_id: int) -> dict:
    """balance, held, available (credits); plan (id, name, slug), period_start, period_end, monthly_credits.

    Without a plan these are None and 0. What is held is gone from `balance`, so `available` is the same.
    """
    now = timezone.now()
    credits_refresh(account_id=account_id)
    held = CreditHold.objects.filter(account_id=OuterRef("account_id"), state=CreditHold.State.HELD)
    row = (
        CreditBalance.objects.filter(account_id=account_id)
        .annotate(held=Coalesce(Subquery(held.values("account_id").annotate(n=Sum("amount")).values("n")), 0))
        .get()
    )
    subscription = active_subscription(account_id=account_id)
    plan = subscription.plan if subscription else None
    start, end = subscription.period_at(now) if subscription else (None, None)
    return {
        "balance": row.balance,
        "held": row.held,
        "available": row.balance,
        "plan": {"id": plan.pk, "name": plan.name, "slug": plan.slug} if plan else None,
        "period_start": start,
        "period_end": end,
        "monthly_credits": plan.monthly_credits if plan else 0,
    }


def _whole(credits: int) -> int:
    if not isinstance(credits, int) or not 0 <= credits <= MAX_CREDITS:
        raise ValueError(f"credits are a whole number from 0 to {MAX_CREDITS:,}, not {credits!r}")
    return credits


def _release(account_id: int, rows: QuerySet[CreditHold]) -> bool:
    if not rows.filter(state=CreditHold.State.HELD).exists():
        return False
    with transaction.atomic():
        balance = balance_lock(account_id=account_id, now=timezone.now())
        hold = rows.filter(state=CreditHold.State.HELD).first()
        if hold is None:
            return False
        CreditHold.objects.filter(pk=hold.pk).update(state=CreditHold.State.RELEASED)
        entry_add(
            balance,
            amount=hold.amount,
            kind=CreditEntry.Kind.RELEASE,
            reference=f"{hold.reference}#{hold.attempt}",
            operation=hold.operation,
        )
    return True
