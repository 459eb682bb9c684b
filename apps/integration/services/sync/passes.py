"""A pass over a WordPress, page by page. A page, and that it is done, is one transaction: who goes on after a crash
begins with the next one."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.core.jobs import GoOnLater, JobRun, job_start
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration, SiteStructure, SyncedPost, SyncRun
from apps.integration.services.connections import wordpress_of
from apps.integration.services.structure import failure_of, places_of, post_types_of, structure_read
from apps.integration.services.sync.compare import digests_of
from apps.integration.services.sync.notices import done_send
from apps.integration.services.sync.pages import Counts, page_take, posts_gone, posts_read
from apps.integration.services.sync.terms import TermNames, terms_take
from apps.integration.services.sync.texts import PostType, remote_of
from apps.writer.models import Content

log = logging.getLogger(__name__)
# A worker is killed after an hour: long work gives it back before.
SHIFT_SECONDS = 15 * 60
# A page that is too much for the site or for us is asked for in smaller ones.
SIZES = (100, 50, 25, 10, 1)
# WordPress's times are whole seconds, and its clock is not ours.
SAME_SECOND = 3.0
_TOO_MUCH = {"timeout", "cut", "server_error", "too_long"}


def sync_go(run: JobRun, sync: SyncRun) -> None:
    """Does a pass from where it stands, and ends it and its job. Raises TemporaryError, WordPressFailed, GoOnLater."""
    try:
        with wordpress_of(sync.integration) as site:
            one = _Pass(run, sync, site)
            if sync.direction != SyncRun.Direction.PUSH:
                one.pull()
            one.end()
    except WordPressError as error:
        raise failure_of(error) from error


def to_push(site: WordPress, integration: SiteIntegration) -> list[int]:
    """The articles that are out at this WordPress and have changed here alone since both agreed, or hold something
    that the site has only now a place for. Raises WordPressError."""
    rows = SyncedPost.objects.filter(
        integration=integration,
        agreed_at__isnull=False,
        conflict_at=None,
        remote_status="publish",
        content__status=Content.Status.PUBLISHED,
        content__site_status=Content.SiteStatus.PUBLISHED,
    ).select_related("content")
    places = _places_now(site, integration, rows)
    changed = []
    for row in rows.order_by("pk").iterator(chunk_size=500):
        ours = digests_of(row.content)
        if any(ours[name] != there for name, there in row.ours.items()) or not places.get(
            row.post_type, set()
        ).isdisjoint(row.no_place):
            changed.append(row.content_id)
    return changed


def _places_now(site: WordPress, integration: SiteIntegration, rows: QuerySet) -> dict[str, set[str]]:
    """By post type the fields that have a place, of those types alone that had none for some."""
    structure = SiteStructure.objects.filter(integration=integration).first()
    asked = set(rows.exclude(no_place=[]).values_list("post_type", flat=True))
    kinds = post_types_of(structure, integration) if structure and asked else []
    return {kind.rest_base: places_of(site, kind) for kind in kinds if kind.rest_base in asked}


class _Pass:
    def __init__(self, run: JobRun, sync: SyncRun, site: WordPress):
        self.run, self.sync, self.site = run, sync, site
        self.integration = sync.integration
        self.until = time.monotonic() + SHIFT_SECONDS
        self.names = TermNames(site, sync.site_id)
        self.counts = Counts(sync.counts)
        self.cursor: dict = sync.cursor

    def pull(self) -> None:
        if not self.cursor:
            self.run.progress(0, 0, "Reading the structure of the site", force=True)
            structure = structure_read(self.site, self.integration)
            total = sum(kind["count"] or 0 for kind in structure.post_types)
            self._step(at="terms", done=0, total=total)
        structure = self.integration.structure
        kinds = post_types_of(structure, self.integration)
        if self.cursor["at"] == "terms":
            self.run.progress(0, self.cursor["total"], "Reading categories and tags", force=True)
            self.counts.add("terms", terms_take(self.site, self.integration, structure, self.run))
            self._step(at="posts", type=0, offset=0)
        while self.cursor["at"] == "posts":
            if time.monotonic() > self.until:
                raise GoOnLater
            if self.cursor["type"] < len(kinds):
                self._page(kinds[self.cursor["type"]])
            else:
                self._step(at="gone")
        if self.cursor["at"] == "gone":
            for kind in kinds:
                self._gone(kind)
            self._step(at="push")

    def end(self) -> None:
        """Hands what is to go out to publishing, and ends the pass with its job."""
        sync, counts = self.sync, self.counts
        changed = [] if sync.direction == SyncRun.Direction.PULL else to_push(self.site, self.integration)
        with transaction.atomic():
            if changed:
                job_start(
                    kind="content.publish",
                    account_id=sync.account_id,
                    payload={
                        "content_ids": changed,
                        "site_ids": [sync.site_id],
                        "target": "wordpress",
                        "reference": None,
                    },
                    total=len(changed),
                    idempotency_key=f"sync:{sync.pk}:push",
                    max_attempts=12,
                )
            counts.add("pushed", len(changed))
            sync.counts, sync.state, sync.error = counts.values, SyncRun.State.SUCCEEDED, ""
            sync.finished_at = timezone.now()
            sync.save()
            done_send(sync)
            self.run.finish({"sync_id": sync.pk, **counts.values})

    def _page(self, kind: PostType) -> None:
        """One page of a post type: in a deep pass all of it, else what says that it has changed."""
        cursor, asked_at = self.cursor, timezone.now()
        rows, total, size = self._read(kind)
        ids = [row["id"] for row in rows]
        if not self.sync.is_deep and (changed := self._changed(rows)):
            rows, _ = posts_read(self.site, kind, ids=changed)
        elif not self.sync.is_deep:
            rows = []
        offset = cursor["offset"] + size
        done = cursor["done"] + len(ids)
        more = offset < total if total is not None else bool(ids)
        place = {"offset": offset} if more else {"type": cursor["type"] + 1, "offset": 0}
        key = f"{self.sync.pk}:{kind.name}:{cursor['offset']}"
        self._take(kind, rows, asked_at, key, ids, size=size, done=done, **place)
        self.run.progress(done, max(cursor["total"], done), f"Reading {kind.rest_base}")

    def _read(self, kind: PostType) -> tuple[list[dict], int | None, int]:
        """A page as large as the site can give, how many posts there are, and how far it reaches."""
        offset, light = self.cursor["offset"], not self.sync.is_deep
        for size in (s for s in SIZES if s <= self.cursor.get("size", SIZES[0])):
            try:
                return *posts_read(self.site, kind, offset=offset, per_page=size, light=light), size
            except WordPressError as error:
                if error.cause not in _TOO_MUCH or (size == 1 and error.cause == "timeout"):
                    raise
                log.warning("%s posts of %s at %s: %s", size, self.site.host, offset, error)
        self.counts.add("failed")
        return (
            [],
            offset + 2,
            1,
        )  # the one post that can not be read is left out; there may be another behind it

    def _changed(self, rows: list[dict]) -> list[int]:
        """Those of a light page that are not as they were: another state, address or time, newer or older."""
        known = SyncedPost.objects.filter(
            integration=self.integration, external_id__in=[r["id"] for r in rows]
        )
        agreed = known.filter(conflict_at=None, agreed_at__isnull=False)
        rows_of = agreed.values_list("external_id", "remote_status", "url", "modified_gmt", "agreed_at")
        stood = {pk: (status, url, at) for pk, status, url, at, read_at in rows_of if _is_over(at, read_at)}
        seen = set(known.values_list("external_id", flat=True))
        return [
            r["id"]
            for r in rows
            if stood.get(r["id"]) != (r.get("status"), r.get("link"), r.get("modified_gmt"))
            and (r["id"] in seen or r.get("status") == "publish")
        ]

    def _gone(self, kind: PostType) -> None:
        """What no page showed is gone, or stood between two pages while another one was deleted."""
        missing = SyncedPost.objects.filter(integration=self.integration, post_type=kind.rest_base)
        missing = missing.exclude(seen_run=self.sync.pk).order_by("external_id")
        missing = list(missing.values_list("external_id", flat=True))
        for start in range(0, len(missing), 100):
            if time.monotonic() > self.until:
                raise GoOnLater
            ids, asked_at = missing[start : start + 100], timezone.now()
            self.run.check()
            key = f"{self.sync.pk}:gone:{ids[0]}"
            there = posts_gone(self.site, self.integration, kind, ids, self.counts, key=key)
            rows, _ = posts_read(self.site, kind, ids=there) if there else ([], 0)
            self._take(kind, rows, asked_at, f"{key}:there", ids)

    def _take(
        self, kind: PostType, rows: list[dict], asked_at: datetime, key: str, ids: list[int], **place
    ) -> None:
        remotes = [remote_of(row, kind) for row in rows]
        self.names.load(remotes)
        counts = Counts(self.counts.values)

        def store() -> None:
            page_take(self.integration, remotes, self.names, asked_at, counts, key=key)
            seen = SyncedPost.objects.filter(integration=self.integration, external_id__in=ids)
            seen.update(seen_run=self.sync.pk)
            counts.add("seen", len(ids))
            self.counts = counts

        self._step(store, **place)

    def _step(self, store: Callable[[], None] = lambda: None, **cursor) -> None:
        """What was done, and that it was, in one; a worker that lost the job stores neither."""
        with transaction.atomic():
            store()
            self.sync.cursor = {**self.cursor, **cursor}
            self.sync.counts = self.counts.values
            self.sync.save(update_fields=["cursor", "counts"])
            self.run.check()
        self.cursor = self.sync.cursor


def _is_over(modified_gmt: str, read_at: datetime) -> bool:
    """Whether the second in which a post was changed was over when it was read: else it may have been changed again."""
    try:
        changed_at = datetime.fromisoformat(modified_gmt).replace(tzinfo=UTC)
    except ValueError:
        return True
    return abs((read_at - changed_at).total_seconds()) > SAME_SECOND
