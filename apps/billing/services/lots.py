"""What happens to a balance when a month begins or a lot expires, under the lock of the balance's row.

Between two such events the set of lots is constant. So a spend looks at no lot: what was spent since the last
event is the sum of what the lots held then, less the balance now, and is shared out over the lots at the next
event (`lots_fold`), in the order they expire. The result is the one that sharing out each spend at once would
have.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q

from apps.accounts.models import Subscription
from apps.billing.models import CreditBalance, CreditEntry, CreditLot
from apps.notifications.services import notify

# An account without a subscription is looked at again after this: one may have begun.
NO_PLAN_WAIT = timedelta(days=1)


def balance_lock(*, account_id: int, now: datetime) -> CreditBalance:
    """The account's balance, locked until the transaction ends, with all that is due at `now` done.

    Every writer takes this lock first, before holds, lots and entries; so none waits for another in a circle.
    """
    rows = CreditBalance.objects.select_for_update(no_key=True).filter(account_id=account_id)
    balance = rows.first()
    if balance is None:
        CreditBalance.objects.bulk_create(
            [CreditBalance(account_id=account_id, next_event_at=now)], ignore_conflicts=True
        )
        balance = rows.get()
    if balance.next_event_at <= now:
        catch_up(balance, now)
    return balance


def entry_add(balance: CreditBalance, *, amount: int, kind: str, reference: str, **fields) -> CreditEntry:
    """Moves a locked balance by `amount` credits and writes the entry of it."""
    balance.balance += amount
    balance.save(update_fields=["balance"])
    return CreditEntry.objects.create(
        account_id=balance.account_id,
        amount=amount,
        balance_after=balance.balance,
        kind=kind,
        reference=reference,
        **fields,
    )


def lot_add(
    balance: CreditBalance,
    *,
    amount: int,
    kind: str,
    reference: str,
    expires_at: datetime | None,
    entry_kind: str = CreditEntry.Kind.GRANT,
    **fields,
) -> None:
    """A grant to a locked balance."""
    lots_fold(balance)
    _grant(balance, amount, kind, reference, expires_at, entry_kind, **fields)
    if expires_at is not None and expires_at < balance.next_event_at:
        balance.next_event_at = expires_at
        balance.save(update_fields=["next_event_at"])


def catch_up(balance: CreditBalance, now: datetime) -> None:
    """Expires the lots of a locked balance that are over; grants the plan's credits of the period, once."""
    before, entry = balance.balance, None
    lots = lots_fold(balance)
    for lot in lots:
        if lot.expires_at is not None and lot.expires_at <= now and lot.remaining:
            entry = entry_add(
                balance, amount=-lot.remaining, kind=CreditEntry.Kind.EXPIRE, reference=f"lot:{lot.pk}"
            )
            lot.remaining = 0
            lot.save(update_fields=["remaining"])
    events = [lot.expires_at for lot in lots if lot.expires_at is not None and lot.expires_at > now]
    subscription = active_subscription(account_id=balance.account_id)
    if subscription is None:
        events.append(now + NO_PLAN_WAIT)
        balance.low_mark = 0
    else:
        plan = subscription.plan
        for start, end in _periods_due(subscription, now):
            expires_at = None if plan.rolls_over else end
            _grant(balance, plan.monthly_credits, CreditLot.Kind.PLAN, plan_reference(start), expires_at)
        events.append(subscription.period_at(now)[1])
        balance.low_mark = -(-plan.monthly_credits // 5)
    balance.next_event_at = min(events)
    balance.save(update_fields=["next_event_at", "low_mark"])
    if entry is not None:
        crossings_tell(account_id=balance.account_id, before=before, after=balance.balance, entry_id=entry.pk)


def is_due(*, account_id: int, now: datetime) -> bool:
    """Whether `catch_up` has something to do; also when a plan was changed, which no event foretells."""
    if not CreditBalance.objects.filter(account_id=account_id, next_event_at__gt=now).exists():
        return True
    subscription = active_subscription(account_id=account_id)
    return subscription is not None and any(_periods_due(subscription, now))


def active_subscription(*, account_id: int) -> Subscription | None:
    return (
        Subscription.objects.select_related("plan")
        .filter(account_id=account_id, status=Subscription.Status.ACTIVE)
        .first()
    )


def crossings_tell(*, account_id: int, before: int, after: int, entry_id: int) -> None:
    """Tells the account that its balance fell below a fifth of the plan's monthly credits, and to zero.

    Once for each crossing, which the entry names. In the transaction of the entry.
    """
    if after >= before:
        return
    subscription = active_subscription(account_id=account_id)
    monthly = subscription.plan.monthly_credits if subscription else 0
    if after * 5 < monthly <= before * 5:
        notify(
            account_id=account_id,
            notification_type="credits_low",
            severity="warning",
            title="Credits are low",
            message=f"{after:,} credits are left, less than 20 % of the {monthly:,} a month of your plan.",
            action_label="View credits",
            action_url="/billing",
            metadata={"balance": after, "monthly_credits": monthly},
            key=f"credits_low:{entry_id}",
        )
    if after == 0:
        notify(
            account_id=account_id,
            notification_type="credits_depleted",
            severity="error",
            title="Credits are used up",
            message="No credits are left. What needs credits will not start until there are new ones.",
            action_label="View credits",
            action_url="/billing",
            metadata={"balance": 0, "monthly_credits": monthly},
            key=f"credits_depleted:{entry_id}",
        )


def lots_fold(balance: CreditBalance) -> list[CreditLot]:
    """Shares out over the lots what was spent, or given back, since the last event; returns them by expiry.

    A lot that expired before `next_event_at` was dealt with by an earlier event and takes nothing back: what
    was reserved from it and is released after its end becomes a lot of its own.
    """
    alive = Q(expires_at=None) | Q(expires_at__gte=balance.next_event_at)
    lots = list(
        CreditLot.objects.filter(alive, account_id=balance.account_id).order_by(
            F("expires_at").asc(nulls_last=True), "pk"
        )
    )
    spent = sum(lot.remaining for lot in lots) - balance.balance
    left, changed = abs(spent), []
    for lot in lots if spent > 0 else reversed(lots):
        if not left:
            break
        step = min(left, lot.remaining if spent > 0 else lot.amount - lot.remaining)
        if step:
            lot.remaining += -step if spent > 0 else step
            left -= step
            changed.append(lot)
    CreditLot.objects.bulk_update(changed, ["remaining"])
    if left:  # given back, and there is no room for it in the lots that live
        newest = (
            CreditEntry.objects.filter(account_id=balance.account_id).values_list("pk", flat=True).first()
        )
        lots.append(
            CreditLot.objects.create(
                account_id=balance.account_id,
                kind=CreditLot.Kind.RETURNED,
                amount=left,
                remaining=left,
                reference=f"returned:{newest}",
            )
        )
    return lots


def _grant(
    balance: CreditBalance,
    amount: int,
    kind: str,
    reference: str,
    expires_at: datetime | None,
    entry_kind: str = CreditEntry.Kind.GRANT,
    **fields,
) -> None:
    CreditLot.objects.create(
        account_id=balance.account_id,
        kind=kind,
        amount=amount,
        remaining=amount,
        expires_at=expires_at,
        reference=reference,
    )
    entry_add(balance, amount=amount, kind=entry_kind, reference=reference, **fields)


def plan_reference(start: datetime) -> str:
    return f"plan:{start:%Y-%m-%dT%H:%M:%SZ}"


def _periods_due(subscription: Subscription, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The periods whose credits were not granted yet: that of `now`; where credits roll over, all before it.

    So the credits of a month do not depend on whether somebody looked in that month. A month that is to be paid
    first brings none before it is.
    """
    if not subscription.plan.monthly_credits:
        return
    newest = (
        CreditLot.objects.filter(account_id=subscription.account_id, reference__startswith="plan:")
        .order_by("-reference")
        .values_list("reference", flat=True)
        .first()
    ) or ""
    current = subscription.period_at(now)
    period = current
    if subscription.plan.rolls_over:
        period = min(current, subscription.period_at(max(subscription.anchor, subscription.created_at)))
    paid_until = subscription.paid_until
    while period[0] <= current[0] and (paid_until is None or period[0] < paid_until):
        if plan_reference(period[0]) > newest:
            yield period
        period = subscription.period_at(period[1])
