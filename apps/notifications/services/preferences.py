"""By which channels a user is told of what."""

from apps.notifications.models import GROUPS, NotificationPreference, Type

_GROUP_OF = {kind: group for group, kinds in GROUPS.items() if group != "billing" for kind in kinds}


def preferences_of(*, user_id: int) -> list[dict]:
    """Each type with its group and channels, those that were never changed included."""
    rows = {row.notification_type: row for row in NotificationPreference.objects.filter(user_id=user_id)}
    return [
        {
            "notification_type": kind,
            "group": _GROUP_OF[kind],
            "in_app": rows[kind].in_app if kind in rows else True,
            "mail": rows[kind].mail if kind in rows else kind in NotificationPreference.URGENT,
        }
        for kind in Type.values
    ]


def preferences_save(*, account_id: int, user_id: int, changes: list[dict]) -> list[dict]:
    """Applies the changes in their order: {notification_type (or a group), in_app?, mail?}."""
    now = {row["notification_type"]: row for row in preferences_of(user_id=user_id)}
    touched = set()
    for change in changes:
        for kind in GROUPS.get(change["notification_type"], [change["notification_type"]]):
            now[kind] |= {name: change[name] for name in ("in_app", "mail") if name in change}
            touched.add(kind)
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(
                account_id=account_id,
                user_id=user_id,
                notification_type=kind,
                in_app=now[kind]["in_app"],
                mail=now[kind]["mail"],
            )
            for kind in sorted(touched)
        ],
        update_conflicts=True,
        unique_fields=["user", "notification_type"],
        update_fields=["in_app", "mail"],
    )
    return [now[kind] for kind in Type.values]
