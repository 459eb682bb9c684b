"""What an account is told of a sync: one notice for what happened on a page, not one for each post."""

from dataclasses import dataclass, field

from apps.integration.models import SiteIntegration, SyncRun
from apps.notifications.services import notify
from apps.writer.models import Content


@dataclass(slots=True)
class Told:
    changed: list[Content] = field(default_factory=list)
    moved: list[tuple[Content, str]] = field(default_factory=list)
    conflicts: list[Content] = field(default_factory=list)
    failed: list[tuple[Content, str]] = field(default_factory=list)


def told_send(integration: SiteIntegration, told: Told, *, key: str) -> None:
    """Tells the account. Part of the caller's transaction; the same `key` again tells nothing."""
    if told.conflicts:
        _send(
            integration, told.conflicts, severity="warning", key=f"conflict:{key}", title="Edited on both sides",
            notification_type="wordpress_sync_failed",
            message=f"{_named(told.conflicts)} changed in WordPress and here. Nothing was overwritten: choose which "
            "text stays.",
            action_label="Resolve", action_url="/integration/conflicts",
        )  # fmt: skip
    if told.moved:
        first, word = told.moved[0]
        rest = f", and {len(told.moved) - 1} more changed their state" if len(told.moved) > 1 else ""
        _send(
            integration, [content for content, _ in told.moved], severity="warning", key=f"moved:{key}",
            notification_type="wordpress_sync_success", title="Changed in WordPress",
            message=f"“{first.title}” {word} in WordPress{rest}.",
        )  # fmt: skip
    if told.changed:
        _send(
            integration, told.changed, key=f"changed:{key}", title="Edited in WordPress",
            notification_type="wordpress_sync_success",
            message=f"{_named(told.changed)} edited in WordPress. The new text is here too; the old one is a version.",
        )  # fmt: skip
    if told.failed:
        first, why = told.failed[0]
        _send(
            integration, [content for content, _ in told.failed], severity="error", key=f"failed:{key}",
            notification_type="wordpress_sync_failed", title="Not taken over from WordPress",
            message=f"“{first.title}” could not be taken over: {why}",
        )  # fmt: skip


def _named(contents: list[Content]) -> str:
    return f"“{contents[0].title}” was" if len(contents) == 1 else f"{len(contents)} articles were"


def _send(integration: SiteIntegration, contents: list[Content], **fields) -> None:
    notify(
        account_id=integration.account_id,
        site_id=integration.site_id,
        metadata={"content_ids": [c.pk for c in contents][:100], "count": len(contents)},
        **{"action_label": "View content", "action_url": "/writer/content", **fields},
    )


def done_send(sync: SyncRun) -> None:
    """Tells of a pass that somebody asked for, or that brought something in."""
    new = sync.counts.get("new", 0)
    if sync.by_person or new:
        notify(
            account_id=sync.account_id, site_id=sync.site_id, notification_type="wordpress_sync_success",
            severity="success", title="Synchronised with WordPress", key=f"sync:{sync.pk}",
            message=f"{sync.counts.get('seen', 0)} posts looked at: {new} new, {sync.counts.get('changed', 0)} edited "
            f"there, {sync.counts.get('conflict', 0)} edited on both sides, {sync.counts.get('gone', 0)} deleted, "
            f"{sync.counts.get('pushed', 0)} sent.",
            action_label="View content", action_url="/writer/content", metadata={"sync_id": sync.pk},
        )  # fmt: skip


def failed_send(sync: SyncRun) -> None:
    """Tells of a pass that failed, once until one succeeds again."""
    before = (
        SyncRun.objects.filter(integration_id=sync.integration_id)
        .exclude(state="running")
        .exclude(pk=sync.pk)
    )
    last = before.order_by("-pk").values_list("state", flat=True).first()
    if sync.by_person or last != SyncRun.State.FAILED:
        notify(
            account_id=sync.account_id, site_id=sync.site_id, notification_type="wordpress_sync_failed",
            severity="error", title="Sync with WordPress failed", message=sync.error, key=f"sync:{sync.pk}",
            action_label="Test connection", action_url="/integration", metadata={"sync_id": sync.pk},
        )  # fmt: skip
