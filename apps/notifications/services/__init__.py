"""What an account is told in the app."""

from apps.accounts.models import Site
from apps.notifications.models import Notification
from apps.notifications.services.webhooks import notification_send


def notify(
    *,
    account_id: int,
    notification_type: str,
    title: str,
    message: str,
    severity: str = "info",
    user_id: int | None = None,
    site_id: int | None = None,
    action_label: str = "",
    action_url: str = "",
    metadata: dict | None = None,
    key: str | None = None,
    event: str = "",
    event_data: dict | None = None,
) -> None:
    """Tells the account, or one user of it alone. The same `key` twice in an account is one notification.

    Endpoints of the account are told too: `event`, or the event of its type where there is one, with `event_data`
    beside the metadata.
    `site_id`: what it is about, so that only those are told who see it; default: metadata's `site_id`.

    Part of the caller's transaction: what is rolled back was never told. Long texts are cut. Raises
    ValueError for a type or severity that the model does not know.
    """
    if notification_type not in Notification.Type.values:
        raise ValueError(f"{notification_type} is no type of a notification")
    if severity not in Notification.Severity.values:
        raise ValueError(f"{severity} is no severity")
    if key is not None and Notification.objects.filter(account_id=account_id, key=key).exists():
        return
    notification = Notification(
        account_id=account_id,
        user_id=user_id,
        site_id=_site_there(account_id, site_id or (metadata or {}).get("site_id")),
        notification_type=notification_type,
        severity=severity,
        title=_text(title, 120),
        message=_text(message, 1000),
        action_label=_text(action_label, 60),
        action_url=action_url[:300],
        metadata=metadata or {},
        key=key,
    )
    Notification.objects.bulk_create([notification], ignore_conflicts=key is not None)
    notification_send(notification, event, event_data)


def _site_there(account_id: int, site_id: int | None) -> int | None:
    """Work may end after its site was deleted, and is told all the same."""
    if site_id is None:
        return None
    return Site.objects.filter(account_id=account_id, pk=site_id).values_list("pk", flat=True).first()


def _text(value: str, length: int) -> str:
    """A text that a column of this length holds. Messages of other systems may carry null characters."""
    value = value.replace("\x00", "")
    return value if len(value) <= length else value[: length - 1] + "…"
