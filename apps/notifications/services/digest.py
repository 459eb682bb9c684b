"""The daily digest by mail, and forgetting what is old."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Account, SiteAccess, User
from apps.core.jobs import job_start
from apps.core.mail import mail_send
from apps.core.models import Job
from apps.core.tenancy import Tenant
from apps.core.zones import zone_of
from apps.notifications.models import Notification, NotificationPreference
from apps.notifications.services.preferences import preferences_of

KIND = "notifications.digest"
# A scheduler that was away for a day still sends what it missed.
DAYS_BACK = 2
SHOWN = 50
READ_KEPT = timedelta(days=90)
KEPT = timedelta(days=180)


def digests_start(*, now: datetime | None = None) -> int:
    """Starts the mail of each finished day, where the account is, for each user who wants one: once each, however often
    it is called."""
    now, started = now or timezone.now(), 0
    recent = Notification.objects.filter(created_at__gte=now - timedelta(days=DAYS_BACK + 1), is_read=False)
    for zone in recent.order_by().values_list("account__timezone", flat=True).distinct():
        today = now.astimezone(zone_of(zone)).date()
        started += sum(_start_day(today - timedelta(days=n), zone) for n in range(DAYS_BACK, 0, -1))
    return started


def _of_day(day: date, zone: str) -> QuerySet[Notification]:
    begin, end = (datetime.combine(d, time.min, zone_of(zone)) for d in (day, day + timedelta(days=1)))
    return Notification.objects.filter(created_at__gte=begin, created_at__lt=end)


def _start_day(day: date, zone: str) -> int:
    told = _of_day(day, zone).filter(is_read=False, account__timezone=zone).order_by()
    types: dict[int, set[str]] = defaultdict(set)
    for account_id, kind in told.values_list("account_id", "notification_type").distinct():
        types[account_id].add(kind)
    users = User.objects.filter(
        account_id__in=types,
        account__status=Account.Status.ACTIVE,
        is_active=True,
        email_verified_at__isnull=False,
    )
    wanted = _by_mail(users.values_list("pk", flat=True))
    keys = {
        f"digest:{pk}:{day}": (pk, account_id) for pk, account_id in users.values_list("pk", "account_id")
    }
    begun = set(Job.objects.filter(idempotency_key__in=keys).values_list("idempotency_key", flat=True))
    started = 0
    for key, (user_id, account_id) in keys.items():
        if key in begun or not wanted(user_id) & types[account_id]:
            continue
        payload = {"user_id": user_id, "day": day.isoformat()}
        job_start(kind=KIND, account_id=account_id, user_id=user_id, payload=payload, idempotency_key=key)
        started += 1
    return started


def _by_mail(user_ids: Iterable[int]):
    """A function that gives the types which a user wants by mail."""
    changed: dict[int, dict[str, bool]] = defaultdict(dict)
    rows = NotificationPreference.objects.filter(user_id__in=list(user_ids))
    for user_id, kind, mail in rows.values_list("user_id", "notification_type", "mail"):
        changed[user_id][kind] = mail
    urgent = dict.fromkeys(map(str, NotificationPreference.URGENT), True)
    return lambda user_id: {kind for kind, mail in {**urgent, **changed[user_id]}.items() if mail}


def digest_send(*, user_id: int, day: date) -> int:
    """Mails a user what is unread of a day and wanted by mail. Returns how many; none: no mail.

    Raises what `mail_send` does.
    """
    user = User.objects.select_related("account").filter(pk=user_id).first()
    if user is None or user.account is None or not user.is_active or user.email_verified_at is None:
        return 0
    wanted = [row["notification_type"] for row in preferences_of(user_id=user_id) if row["mail"]]
    rows = (
        _of_day(day, user.account.timezone)
        .told_to(_tenant(user))
        .filter(is_read=False, notification_type__in=wanted)
    )
    total = rows.count()
    if not total:
        return 0
    context = {
        "user": user,
        "day": user.account.day(datetime.combine(day, time.min, zone_of(user.account.timezone))),
        "total": total,
        "rows": [
            {
                "title": row.title,
                "message": row.message.strip(),
                "text": row.message.strip().replace("\n", "\n  "),  # under its title
                "url": _absolute(row.action_url),
                "row": row,
            }
            for row in rows.order_by("-created_at")[:SHOWN]
        ],
        "more": max(0, total - SHOWN),
    }
    mail_send(to=user.email, template="digest", context=context)
    return total


def _absolute(url: str) -> str:
    return settings.PUBLIC_URL + url if url.startswith("/") else url


def _tenant(user: User) -> Tenant:
    limited = not user.all_sites and user.role in (User.Role.EDITOR, User.Role.VIEWER)
    sites = SiteAccess.objects.filter(user=user).values_list("site_id", flat=True)
    return Tenant(
        account_id=user.account_id,
        account_status=user.account.status,
        role=user.role,
        site_ids=frozenset(sites) if limited else None,
        user_id=user.pk,
    )


def notifications_forget(*, now: datetime | None = None) -> int:
    """Deletes what was read and is three months old, and all that is half a year old. Returns how many."""
    now = now or timezone.now()
    old = Notification.objects.filter(created_at__lt=now - KEPT)
    read = Notification.objects.filter(is_read=True, created_at__lt=now - READ_KEPT)
    return old.delete()[0] + read.delete()[0]
