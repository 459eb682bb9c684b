"""The way of an article from draft to approved."""

from collections.abc import Callable

from django.db import transaction

from apps.core.errors import NotFound
from apps.notifications.services import notify
from apps.planner.models import ClaimedTopic
from apps.planner.services.topics import topic_claim
from apps.writer.models import Content


def content_locked(*, account_id: int, content_id: int) -> Content:
    """The row, locked until the caller's transaction ends. Raises NotFound."""
    content = Content.objects.select_for_update().filter(account_id=account_id, pk=content_id).first()
    if content is None:
        raise NotFound("The article does not exist any more.")
    return content


def content_claim(content: Content) -> None:
    """Says which topic the article has taken, in the caller's transaction; a post of the site as long as it is out."""
    if content.origin == Content.Origin.WORDPRESS and content.status != Content.Status.PUBLISHED:
        return
    topic_claim(
        account_id=content.account_id,
        site_id=content.site_id,
        source=ClaimedTopic.Source.CONTENT,
        source_id=content.pk,
        phrase=content.primary_keyword,
        title=content.title,
        url=content.external_url,
    )


def content_send_to_review(
    *, account_id: int, content_id: int, finish: Callable[[dict], None] | None = None
) -> dict:
    """Moves a draft to review; what is there or further stays. Returns {"content_id", "status"}."""
    with transaction.atomic():
        content = content_locked(account_id=account_id, content_id=content_id)
        if content.status == Content.Status.DRAFT:
            content.move_to(Content.Status.REVIEW)
            content.save(update_fields=["status", "updated_at"])
            content_tell_review(content)
        return _finished(content, finish)


def content_approve(
    *, account_id: int, content_id: int, by: str, finish: Callable[[dict], None] | None = None
) -> dict:
    """Approves what is in review; what is approved or published stays. Returns {"content_id", "status"}.

    `by` is a user's address, or `automation`. Raises Conflict for a draft and for an article without a text.
    """
    with transaction.atomic():
        content = content_locked(account_id=account_id, content_id=content_id)
        if content.status != Content.Status.PUBLISHED and content.move_to(Content.Status.APPROVED, by=by):
            content.save(update_fields=["status", "approved_by", "updated_at"])
        return _finished(content, finish)


def content_tell_review(content: Content) -> None:
    """Tells the account that an article waits for its review: once, however often it comes back."""
    notify(
        account_id=content.account_id,
        notification_type="content_ready_review",
        title="Content ready for review",
        message=f"“{content.title}” is ready for review.",
        action_label="Review",
        action_url=f"/writer/content/{content.pk}",
        metadata={"content_id": content.pk, "site_id": content.site_id},
        key=f"content_ready_review:{content.pk}",
    )


def _finished(content: Content, finish: Callable[[dict], None] | None) -> dict:
    result = {"content_id": content.pk, "status": content.status}
    if finish:
        finish(result)
    return result
