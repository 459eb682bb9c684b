"""Posts as they come: one page of a site, or those that it told us of. What became of them is one transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import DatabaseError, transaction

from apps.core.errors import AppError
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration, SyncedPost
from apps.integration.services.connections import connection_hold
from apps.integration.services.sync.arrivals import arrivals_take, known_again
from apps.integration.services.sync.changes import LIVE, WORDS, change_take, gone_take
from apps.integration.services.sync.notices import Told, told_send
from apps.integration.services.sync.terms import TermNames
from apps.integration.services.sync.texts import STATUSES, PostType, Remote
from apps.planner.services.topics import topics_release
from apps.writer.models import Content
from apps.writer.services.workflow import content_claim

LIGHT = "id,status,slug,link,modified_gmt"


class Counts:
    """How many of what, by word; kept with the pass."""

    def __init__(self, values: Mapping[str, int] | None = None):
        self.values = dict(values or {})

    def add(self, word: str, number: int = 1) -> None:
        if number:
            self.values[word] = self.values.get(word, 0) + number


def posts_read(
    site: WordPress,
    kind: PostType,
    *,
    offset: int = 0,
    per_page: int = 100,
    light: bool = False,
    ids: Collection[int] = (),
) -> tuple[list[dict], int | None]:
    """Posts in any state, in the order of their ids, and how many there are; of `ids` those alone. Raises
    WordPressError."""
    chosen = {"include": ",".join(map(str, ids))} if ids else {"offset": offset}
    rows, total = site.listed(
        kind.path, per_page=per_page, orderby="id", order="asc", status=STATUSES, context="edit",
        _fields=LIGHT if light else kind.asked, **chosen,
    )  # fmt: skip
    return [row for row in rows if isinstance(row.get("id"), int)], total


def page_take(
    integration: SiteIntegration,
    remotes: Collection[Remote],
    names: TermNames,
    asked_at: datetime,
    counts: Counts,
    *,
    key: str,
) -> None:
    """What became of these posts since: brought in, taken over, moved, in conflict. Part of the caller's transaction.
    Raises ConnectionMoved.

    One that breaks is counted and left for the next look; it does not hold up the others. `key` names the page, whose
    notices are told once.
    """
    remotes = {r.id: r for r in remotes}
    told = Told()
    connection_hold(integration)
    rows = _rows(integration, remotes)
    known_again(integration, [r for pk, r in remotes.items() if pk not in rows])
    rows = _rows(integration, remotes)
    changed = {pk: row for pk, row in rows.items() if not _stands(row, remotes[pk])}
    locked = Content.objects.select_for_update().filter(pk__in=[row.content_id for row in changed.values()])
    contents = {content.pk: content for content in locked.order_by("pk")}
    for pk, row in changed.items():
        content = contents.get(row.content_id)
        if content is None:  # deleted here, and left alone
            if remotes[pk].status != LIVE:
                _topics_free(row, "post", [row.external_id])
            continue
        try:
            with transaction.atomic():
                before = content.status
                what = change_take(row, content, remotes[pk], names, asked_at)
                counts.add(what)
                _tell(told, row, content, what, before)
                _topic(row, content, what)
        except (AppError, DatabaseError, ValueError) as error:
            counts.add("failed")
            told.failed.append((content, str(error)[:200]))
    new = arrivals_take(integration, [r for pk, r in remotes.items() if pk not in rows], names)
    counts.add("new", new)
    standing = [row.pk for pk, row in rows.items() if pk not in changed]
    SyncedPost.objects.filter(pk__in=standing, agreed_at__lt=asked_at).update(agreed_at=asked_at)
    counts.add("unchanged", len(standing))
    told_send(integration, told, key=key)


def posts_gone(
    site: WordPress,
    integration: SiteIntegration,
    kind: PostType,
    ids: Collection[int],
    counts: Counts,
    *,
    key: str,
) -> list[int]:
    """Of posts that were not seen: those that WordPress says are gone are gone here. Returns the ids of those that are
    there after all. A post that is only hidden from this user is neither. Raises WordPressError."""
    there, _ = posts_read(site, kind, ids=ids, light=True)
    present = {row["id"] for row in there}
    gone = [pk for pk in ids if pk not in present and _is_gone(site, kind, pk)]
    counts.add("hidden", len(ids) - len(present) - len(gone))
    told, deleted = Told(), []
    with transaction.atomic():
        rows = SyncedPost.objects.filter(integration=integration, external_id__in=gone)
        locked = Content.objects.select_for_update().filter(pk__in=rows.values("content_id"))
        contents = {content.pk: content for content in locked.order_by("pk")}
        for row in rows.select_for_update():
            content = contents.get(row.content_id)
            was_out = content is not None and content.status == Content.Status.PUBLISHED
            what = gone_take(row, content)
            counts.add("gone" if what != "skipped" else what)
            if what == "deleted" and content is not None:
                deleted.append(row.content_id)
            if what == "moved" and was_out:
                told.moved.append((content, WORDS["deleted"]))
        _topics_free(integration, "post", gone)
        _topics_free(integration, "content", deleted)
        told_send(integration, told, key=key)
    return sorted(present)


def _rows(integration: SiteIntegration, ids: Collection[int]) -> dict[int, SyncedPost]:
    rows = SyncedPost.objects.filter(integration=integration, external_id__in=list(ids))
    return {row.external_id: row for row in rows.order_by("external_id")}


def _stands(row: SyncedPost, remote: Remote) -> bool:
    """Whether all is as it was when both agreed."""
    return (
        row.agreed_at is not None
        and row.conflict_at is None
        and row.post_type == remote.kind.rest_base
        and (row.remote_status, row.url, row.modified_gmt) == (remote.status, remote.url, remote.modified_gmt)
        and all(row.theirs.get(name) == value for name, value in remote.hashes.items())
    )


def _is_gone(site: WordPress, kind: PostType, pk: int) -> bool:
    try:
        site.get(f"{kind.path}/{pk}", context="edit", _fields="id")
    except WordPressError as error:
        if error.is_gone:
            return True
        if not error.permanent:
            raise
    return False


def _tell(told: Told, row: SyncedPost, content: Content, what: str, before: str) -> None:
    if what == "conflict":
        told.conflicts.append(content)
    elif what == "changed" and content.origin != Content.Origin.WORDPRESS:
        told.changed.append(content)
    if content.status != before:
        told.moved.append((content, WORDS.get(row.remote_status, "was taken off")))


def _topic(row: SyncedPost, content: Content, what: str) -> None:
    """An article's topic follows what it is called now; a post of the site takes its own as long as it is shown."""
    if what in ("skipped", "unchanged"):
        return
    if content.origin == Content.Origin.WORDPRESS and content.status != Content.Status.PUBLISHED:
        _topics_free(row, "content", [content.pk])
    else:
        content_claim(content)


def _topics_free(row: SyncedPost | SiteIntegration, source: str, ids: Collection[int]) -> None:
    topics_release(account_id=row.account_id, site_id=row.site_id, source=source, source_ids=ids)
