"""Plan limits: counters that whoever creates or deletes takes from and gives back to. The one check."""

from django.db import connection
from django.utils import timezone

from apps.accounts.models import Account, Invitation, LimitCounter, Plan, Site, Subscription, User
from apps.core.errors import AppError

# resource -> the plan's field, and whether it is counted by month
RESOURCES = {
    "sites": ("max_sites", False),
    "users": ("max_users", False),
    "keywords": ("max_keywords", False),
    "content": ("max_content", True),
    "images": ("max_images", True),
}

TAKE = """
INSERT INTO accounts_limitcounter AS c (account_id, resource, period, used)
SELECT %(account_id)s, %(resource)s, %(period)s, %(n)s WHERE %(n)s <= %(limit)s
ON CONFLICT (account_id, resource, period) DO UPDATE SET used = c.used + EXCLUDED.used
WHERE c.used + EXCLUDED.used <= %(limit)s
RETURNING used
"""
NO_LIMIT = 2**31 - 1


class PlanLimitReached(AppError):
    status = 402
    code = "PLAN_LIMIT_REACHED"


def account_plan(*, account_id: int) -> Subscription:
    """The account's active subscription, with its plan."""
    return Subscription.objects.select_related("plan").get(
        account_id=account_id, status=Subscription.Status.ACTIVE
    )


def limit_of(*, account_id: int, resource: str) -> tuple[int, str]:
    """(limit, period); a limit of 0 is none."""
    field, monthly = RESOURCES[resource]
    subscription = account_plan(account_id=account_id)
    period = subscription.period_at(timezone.now())[0].date().isoformat() if monthly else ""
    return getattr(subscription.plan, field), period


def limit_take(*, account_id: int, resource: str, n: int = 1) -> None:
    """Takes `n` of a resource in the caller's transaction. Raises PlanLimitReached and takes nothing when short."""
    if n <= 0:
        return
    limit, period = limit_of(account_id=account_id, resource=resource)
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE,
            {
                "account_id": account_id,
                "resource": resource,
                "period": period,
                "n": n,
                "limit": limit or NO_LIMIT,
            },
        )
        if cursor.fetchone() is None:
            raise PlanLimitReached(
                f"Your plan allows {limit:,} {resource}{' a month' if period else ''}. "
                "Delete some, or move to a larger plan.",
                details={"resource": resource, "limit": limit},
            )


def limit_room(*, account_id: int, resource: str) -> int:
    """How many more the plan allows. Locks the counter, so that what is taken next is what was seen."""
    limit, period = limit_of(account_id=account_id, resource=resource)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_limitcounter (account_id, resource, period, used) VALUES (%s, %s, %s, 0) "
            "ON CONFLICT DO NOTHING",
            [account_id, resource, period],
        )
        cursor.execute(
            "SELECT used FROM accounts_limitcounter WHERE account_id = %s AND resource = %s AND period = %s FOR UPDATE",
            [account_id, resource, period],
        )
        used = cursor.fetchone()[0]
    return NO_LIMIT if not limit else max(0, limit - used)


def limit_check(*, account_id: int, resource: str) -> None:
    """Refuses what would be refused at its end, before anything is paid for it. Takes and locks nothing.

    Raises PlanLimitReached.
    """
    limit, period = limit_of(account_id=account_id, resource=resource)
    spent = LimitCounter.objects.filter(
        account_id=account_id, resource=resource, period=period, used__gte=limit
    )
    if limit and spent.exists():
        raise PlanLimitReached(
            f"Your plan's {limit:,} {resource} of this month are used up. Wait for the next, or move to a larger plan.",
            details={"resource": resource, "limit": limit},
        )


def limit_give(*, account_id: int, resource: str, n: int = 1) -> None:
    """Gives back what was deleted. What is counted by month is never given back."""
    if n <= 0 or RESOURCES[resource][1]:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_limitcounter SET used = greatest(0, used - %s) "
            "WHERE account_id = %s AND resource = %s AND period = ''",
            [n, account_id, resource],
        )


def limits_recount(*, account_id: int) -> None:
    """Sets what is counted of users and sites to what is there, after somebody went past the services."""
    Account.objects.select_for_update().get(pk=account_id)
    waiting = Invitation.objects.filter(account_id=account_id, status=Invitation.Status.PENDING).count()
    for resource, used in (
        ("users", User.objects.filter(account_id=account_id).count() + waiting),
        ("sites", Site.objects.filter(account_id=account_id).count()),
    ):
        LimitCounter.objects.update_or_create(
            account_id=account_id, resource=resource, period="", defaults={"used": used}
        )


def default_plan() -> Plan:
    """The plan that a new account begins on."""
    plan = Plan.objects.filter(is_default=True, is_active=True).first()
    if plan is None:
        plan, _ = Plan.objects.get_or_create(
            slug="free",
            defaults={
                "name": "Free",
                "monthly_credits": 1000,
                "max_sites": 2,
                "max_users": 2,
                "max_keywords": 5000,
                "is_default": True,
            },
        )
    return plan
