"""What is told of money: to the owners, who alone see invoices and payments."""

from apps.accounts.models import User
from apps.notifications.services import notify


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
