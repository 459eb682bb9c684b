"""What is told of money: to the owners, who alone see invoices and payments, and to the platform's people."""

import logging

from django.conf import settings

from apps.accounts.models import Account, User
from apps.accounts.services.mails import mail_queue
from apps.notifications.services import notify
from apps.notifications.services.telegram import NOTICES, telegram_notify

log = logging.getLogger(__name__)


def owners_tell(*, account_id: int, title: str, message: str, severity: str, **fields) -> None:
    """Tells each owner who is not suspended. Part of the caller's transaction."""
    owners = User.objects.filter(account_id=account_id, role=User.Role.OWNER, is_active=True)
    for user_id in owners.order_by("pk").values_list("pk", flat=True):
        notify(
            account_id=account_id,
            user_id=user_id,
            notification_type="system_info",
            severity=severity,
            title=title,
            message=message,
            **fields,
        )


def staff_tell(*, notice: str, account_id: int, key: str, **values) -> None:
    """Tells the platform's people: in Telegram who hears of the notice's topic, once a `key`, and STAFF_EMAIL.

    Part of the caller's transaction.
    """
    log.warning("%s of account %s: %s", notice, account_id, values)
    account = f"{Account.objects.get(pk=account_id).name} ({account_id})"
    values["account"] = account
    telegram_notify(notice=notice, values=values, key=key)
    if settings.STAFF_EMAIL:
        text = NOTICES[notice].texts["en"].format_map(values)
        mail_queue(name="staff", account_id=account_id, text=text)
