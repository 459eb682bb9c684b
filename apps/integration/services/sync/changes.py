"""What changed at WordPress, taken over into the article that a post is; both changed: a conflict, for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.integration.models import SyncedPost
from apps.integration.services.sync.compare import agree, compared
from apps.integration.services.sync.terms import TermNames
from apps.integration.services.sync.texts import Remote, ours_of
from apps.writer.models import Content
from apps.writer.services.html import words_count
from apps.writer.services.versions import TEXT_FIELDS, version_keep
from apps.writer.services.workflow import content_claim

LIVE = "publish"
# What became of an article at its site, for people.
WORDS = {
    "publish": "is published",
    "future": "was scheduled for another time",
    "draft": "was made a draft",
    "pending": "waits for review",
    "private": "was made private",
    "trash": "was put into the trash",
    "deleted": "was deleted for good",
}


def change_take(
    synced: SyncedPost, content: Content, remote: Remote, names: TermNames, asked_at: datetime
) -> str:
    """Takes over what changed at WordPress since both agreed. Returns what happened: unchanged, skipped, changed,
    conflict, moved (its state or address alone).

    Both rows are locked and saved here. `asked_at`: when WordPress was asked; what was agreed on later is newer.
    """
    SiteStatus = Content.SiteStatus
    unfinished = synced.agreed_at is None and content.status != Content.Status.PUBLISHED
    if content.site_status == SiteStatus.PUBLISHING or unfinished:
        return "skipped"  # publishing holds both against each other itself
    if synced.agreed_at and synced.agreed_at > asked_at:
        return "skipped"
    moved = _state_take(synced, content, remote)
    if remote.status == "trash":  # its slug is not its own there
        _save(synced, content, moved)
        return "moved" if moved else "unchanged"
    theirs = names.as_in(content, ours_of(remote, names, synced.images, synced.theirs))
    found = compared(synced, content, remote, theirs)
    if found.both:
        fresh = conflict_open(synced, remote, found.both, theirs)
        _save(synced, content, moved)
        return "conflict" if fresh else "moved" if moved else "unchanged"
    synced.conflict, synced.conflict_at = {}, None
    if found.arrive:
        taken = arrive(content, found.arrive)
        agree(synced, content, remote, [*found.same, *found.arrive])
        synced.agreed_at = timezone.now()
        _save(synced, content, [*moved, *taken])
        return "changed"
    if found.same or synced.agreed_at is None:
        agree(synced, content, remote, found.same if synced.agreed_at else None)
        synced.agreed_at = timezone.now()
    _save(synced, content, moved)
    return "moved" if moved else "unchanged"


def arrive(content: Content, values: Mapping[str, Any]) -> list[str]:
    """Gives an article what came from WordPress, which it keeps as a version. Returns the columns."""
    version_keep(content, by="", reason="as it was before WordPress changed it")
    values = dict(values)
    if "slug" in values and (not values["slug"] or _slug_taken(content, values["slug"])):
        values.pop("slug")
    if not values.get("title", "-"):
        values.pop("title")
    if "html" in values:
        values["word_count"] = words_count(values["html"])
    for name, value in values.items():
        setattr(content, name, value)
    return list(values)


def conflict_open(
    synced: SyncedPost,
    remote: Remote,
    fields: list[str],
    theirs: Mapping[str, Any],
    *,
    wanted: Mapping[str, str] | None = None,
    lossy: bool = False,
) -> bool:
    """Notes what both changed, unsaved. False when this very conflict stands already. `wanted`: hashes of what was to
    be sent. `lossy`: the text was changed here alone, and can not hold what the post does."""
    conflict = {
        "fields": sorted(fields),
        "theirs": {name: theirs[name] for name in fields if name in theirs},
        "raw": remote.base,
        "hashes": remote.hashes,
        "names": {name: list(remote.names_of(name)) for name in fields},
        "wanted": dict(wanted or {}),
        "lossy": lossy,
    }
    if synced.conflict == conflict:
        return False
    synced.conflict = conflict
    synced.conflict_at = synced.conflict_at or timezone.now()
    return True


def gone_take(synced: SyncedPost, content: Content | None) -> str:
    """A post that was deleted for good. What came from WordPress goes here too, all else stays, to be published anew
    by whoever wants that. Returns deleted, moved, or skipped."""
    if content is not None and content.site_status == Content.SiteStatus.PUBLISHING:
        return "skipped"
    synced.delete()
    if content is None:
        return "deleted"
    if content.origin == Content.Origin.WORDPRESS:
        content.delete()
        return "deleted"
    if content.status == Content.Status.PUBLISHED:
        content.status, content.site_status = Content.Status.APPROVED, Content.SiteStatus.NOT_PUBLISHED
    content.external_id = content.external_url = ""
    content.save(update_fields=["status", "site_status", "external_id", "external_url", "updated_at"])
    content_claim(content)  # without its address
    return "moved"


def _state_take(synced: SyncedPost, content: Content, remote: Remote) -> list[str]:
    """The state and address of the post, into the rows. Returns the columns of the article that it changed."""
    before = (content.status, content.site_status, content.external_url)
    was_out = synced.remote_status in ("", LIVE)
    synced.remote_status, synced.url, synced.modified_gmt = remote.status, remote.url, remote.modified_gmt
    synced.post_type = remote.kind.rest_base  # plug-ins make pages of posts
    foreign = content.origin == Content.Origin.WORDPRESS
    if remote.status == LIVE:
        if not was_out or content.status == Content.Status.PUBLISHED:
            content.status, content.site_status = Content.Status.PUBLISHED, Content.SiteStatus.PUBLISHED
            content.external_id, content.external_url = str(remote.id), remote.url
            content.published_at = content.published_at or remote.published_at or timezone.now()
    elif content.status == Content.Status.PUBLISHED:
        content.status = Content.Status.DRAFT if foreign else Content.Status.APPROVED
        content.site_status = Content.SiteStatus.NOT_PUBLISHED
    if (content.status, content.site_status, content.external_url) == before:
        return []
    return ["status", "site_status", "external_id", "external_url", "published_at"]


def _save(synced: SyncedPost, content: Content, columns: list[str]) -> None:
    synced.save()
    if columns:
        content.save(update_fields=[*columns, "updated_at"])
        if not set(TEXT_FIELDS).isdisjoint(columns):
            version_keep(content, by="wordpress", reason="changed in WordPress")


def _slug_taken(content: Content, slug: str) -> bool:
    return Content.objects.filter(site_id=content.site_id, slug=slug).exclude(pk=content.pk).exists()
