"""What publishing asks before it writes over a post, and says after it: who changed what since both agreed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.integration.clients.wordpress import WordPress
from apps.integration.models import SiteIntegration, SyncedPost
from apps.integration.services.connections import connection_hold
from apps.integration.services.sync.changes import LIVE, conflict_open
from apps.integration.services.sync.compare import digests_of
from apps.integration.services.sync.notices import Told, told_send
from apps.integration.services.sync.terms import TermNames
from apps.integration.services.sync.texts import (
    FIELDS,
    KEY_SLUG,
    TEXTS,
    PostType,
    Remote,
    digest,
    field_of,
    ours_of,
    remote_of,
)
from apps.writer.models import Content

# WordPress saves them and the slug in one, and all else after them.
WHOLE = ("title", "content", "excerpt")


@dataclass(slots=True)
class Decision:
    """Of what was to be sent: the names that may be, and those that both sides changed, as the article's fields."""

    send: list[str] = field(default_factory=list)
    both: list[str] = field(default_factory=list)
    lossy: bool = False


def post_bound(
    *, integration: SiteIntegration, content: Content, post_type: str, external_id: int, is_new: bool
) -> SyncedPost:
    """The row of the post that an article is, made when it is missing. `is_new`: nobody but us has written it so far.

    From now on a sync knows the post for ours. Raises ConnectionMoved.
    """
    with transaction.atomic():
        connection_hold(integration)
        mine = SyncedPost.objects.filter(integration=integration, content=content)
        mine.exclude(external_id=external_id).delete()
        row, _ = SyncedPost.objects.get_or_create(
            integration=integration,
            external_id=external_id,
            defaults={
                "account_id": content.account_id,
                "site_id": content.site_id,
                "content": content,
                "post_type": post_type,
                "is_new": is_new,
            },
        )
        if row.content_id is None or row.post_type != post_type:
            row.content, row.post_type = row.content or content, post_type
            row.save(update_fields=["content", "post_type"])
    return row


def post_of(*, integration: SiteIntegration, content: Content) -> SyncedPost | None:
    """The row of the post that an article is at this WordPress."""
    return SyncedPost.objects.filter(integration=integration, content=content).first()


def conflicts_of(*, content_ids: list[int]) -> list[int]:
    """Those of the articles that wait for a decision between two texts."""
    open_ = SyncedPost.objects.filter(content_id__in=content_ids, conflict_at__isnull=False)
    return sorted(open_.values_list("content_id", flat=True))


def flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are sent, those of `meta` by `meta:<key>`; without the state."""
    found = {name: value for name, value in fields.items() if name not in ("meta", "status")}
    return found | {f"meta:{key}": value for key, value in fields.get("meta", {}).items()}


def post_decide(
    synced: SyncedPost,
    content: Content,
    wanted: Mapping[str, Any],
    stored: Mapping[str, Any],
    same,
    kind: PostType,
) -> Decision:
    """Which of the wanted fields (`flat`) may be written over a post as it stands. `same(name, sent, stored)` says
    whether WordPress's value is what was sent."""
    found, names = Decision(), _ours_by_theirs(kind)
    # The answer to our first update was lost, and who differs from it has changed the text since.
    is_out = KEY_SLUG.fullmatch(stored["slug"]) is None
    for name, value in wanted.items():
        now = field_of(stored, name)
        if same(name, value, now):
            continue
        if synced.is_new:
            if not (is_out and name in WHOLE and synced.sent.get(name) == digest(value)):
                found.send.append(name)
            continue
        ours = names.get(name, name)
        if synced.agreed_at is None:
            if name in WHOLE:
                found.both.append(ours)
            continue
        if not _changed_here(synced, content, name, ours, value, now):
            continue
        there = digest(now) != synced.theirs.get(name, digest(type(now)()))
        lossy = name == "content" and synced.is_lossy
        if there or lossy:
            found.both.append(ours)
            found.lossy = found.lossy or (lossy and not there)
        else:
            found.send.append(name)
    found.both = sorted(set(found.both))
    return found


def post_agreed(
    synced_id: int,
    content: Content,
    *,
    wanted: Mapping[str, Any],
    sent: list[str],
    stored: Mapping[str, Any],
    same,
    kind: PostType,
    images: Mapping[str, list[int]],
) -> None:
    """Both sides agree on what was sent and on what was alike. Part of the caller's transaction."""
    synced = SyncedPost.objects.select_for_update().filter(pk=synced_id).first()
    if synced is None:  # the connection was deleted meanwhile
        return
    remote, names, now = remote_of(stored, kind), _ours_by_theirs(kind), digests_of(content)
    if synced.is_new:
        synced.theirs, synced.ours = remote.hashes, now
    for name, value in wanted.items():
        there = field_of(stored, name)
        if not (synced.is_new or name in sent or same(name, value, there)):
            continue
        if synced.is_new and name in WHOLE and name not in sent and not same(name, value, there):
            there = value  # theirs since, and for the next pass to bring in
        synced.theirs[name], synced.sent[name] = digest(there), digest(value)
        ours = names.get(name, name)
        if ours in now:
            synced.ours[ours] = now[ours]
        if name in WHOLE:
            synced.base[name] = there
        if name == "content":
            synced.is_lossy, synced.images = False, dict(images)
    # What the site has no place for is told in the record, and not sent again until the site has one (`to_push`).
    nowhere = set(FIELDS) - {names.get(name, name) for name in wanted}
    synced.ours |= {name: now[name] for name in nowhere}
    synced.no_place = sorted(name for name in nowhere if getattr(content, name))
    if synced.agreed_at is None:
        synced.ours = {**now, **synced.ours}
        synced.theirs = {**remote.hashes, **synced.theirs}
    synced.is_new, synced.agreed_at = False, timezone.now()
    synced.conflict, synced.conflict_at = {}, None
    synced.remote_status, synced.url, synced.modified_gmt = remote.status, remote.url, remote.modified_gmt
    if any(synced.theirs.get(name) != value for name, value in remote.hashes.items()):
        synced.modified_gmt = ""  # what people changed there beside it is for the next pass to bring in
    synced.save()


def conflict_note(
    site: WordPress,
    synced: SyncedPost,
    content: Content,
    decision: Decision,
    *,
    wanted: Mapping[str, Any],
    stored: Mapping[str, Any],
    kind: PostType,
) -> None:
    """Keeps a conflict that publishing has met, and tells of it. No transaction may be open."""
    remote, names = remote_of(stored, kind), TermNames(site, synced.site_id)
    names.load([remote])
    theirs: dict[str, Any] = names.as_in(content, ours_of(remote, names, synced.images, synced.theirs))
    theirs["featured_image"] = remote.fields["featured_media"]
    with transaction.atomic():
        row = SyncedPost.objects.select_for_update().get(pk=synced.pk)
        hashes = {name: digest(value) for name, value in wanted.items()}
        if conflict_open(row, remote, decision.both, theirs, wanted=hashes, lossy=decision.lossy):
            row.save()
            told_send(
                row.integration,
                Told(conflicts=[content]),
                key=f"publish:{row.pk}:{row.conflict_at.isoformat()}",
            )


def taken_off(synced: SyncedPost, content: Content, status: str) -> bool:
    """Whether people took an article off the site since, so that an update must not bring it back."""
    was_out = synced.remote_status == LIVE and content.status == Content.Status.PUBLISHED
    return was_out and status != LIVE


def taken_off_note(synced_id: int, content_id: int, status: str) -> None:
    """The article's state follows. Part of the transaction that ends the publication: else its next try would bring
    the article back."""
    Content.objects.filter(pk=content_id, status=Content.Status.PUBLISHED).update(
        status=Content.Status.APPROVED, updated_at=timezone.now()
    )
    SyncedPost.objects.filter(pk=synced_id).update(remote_status=status)


def _ours_by_theirs(kind: PostType) -> dict[str, str]:
    found = {theirs: ours for ours, theirs in TEXTS.items()}
    found |= {theirs: ours for ours, theirs in kind.terms.items()}
    found |= {"featured_media": "featured_image"}
    empty = Remote(0, kind, "", "", "", None, False, {})
    return found | {
        name: ours for ours in FIELDS for name in empty.names_of(ours) if name.startswith("meta:")
    }


def _changed_here(synced: SyncedPost, content: Content, name: str, ours: str, value: Any, now: Any) -> bool:
    if name in synced.sent:
        return synced.sent[name] != digest(value)
    if name not in synced.theirs and not now:
        return bool(value)  # the site has only begun to show it, as when a plug-in for search engines came
    if ours in synced.ours:
        return synced.ours[ours] != digest(getattr(content, ours))
    return name == "featured_media" and bool(value)  # of a post that came from there, the rest is theirs
