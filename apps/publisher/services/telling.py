"""What an account is told of articles that could not be published, by a job or by a run."""

from apps.notifications.services import notify


def unpublished_tell(
    *,
    account_id: int,
    site_id: int | None,
    content_ids: list[int],
    error: str,
    key: str,
    run_id: int | None = None,
) -> None:
    """Told once a `key`. `error`: why, of the first of them."""
    count = len(content_ids)
    notify(
        account_id=account_id,
        site_id=site_id,
        notification_type="content_publish_failed",
        severity="error",
        title="Publishing failed",
        message=f"{count} article{'s' if count > 1 else ''} could not be published: {error}",
        action_label="View content",
        action_url="/writer/content",
        metadata={"content_ids": content_ids[:100], "count": count} | ({"run_id": run_id} if run_id else {}),
        event_data={"content_ids": content_ids},
        key=key,
    )
