"""Posts that were not ours come in as content of the site, many at once; those that are ours are known again."""

from collections.abc import Collection, Mapping
from html import unescape
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.integration.models import SiteIntegration, SyncedPost
from apps.integration.services.sync.changes import LIVE
from apps.integration.services.sync.compare import agree, alike
from apps.integration.services.sync.texts import KEY_SLUG, Remote, ours_of
from apps.planner.services.topics import Topic, topics_claim
from apps.writer.models import Content, ContentVersion
from apps.writer.services.content import content_insert, slug_of
from apps.writer.services.html import words_count
from apps.writer.services.versions import TEXT_FIELDS


def is_arrival(remote: Remote) -> bool:
    """Whether a post that is nobody's here comes in: those that the site shows to everybody."""
    return remote.status == LIVE and not remote.is_protected and not KEY_SLUG.fullmatch(remote.fields["slug"])


def arrivals_take(integration: SiteIntegration, remotes: Collection[Remote], names: Mapping[int, str]) -> int:
    """Brings in posts that no row knows. Returns how many. Part of the caller's transaction, which has locked the
    connection, so that nobody brings in the same beside it."""
    remotes = [r for r in remotes if is_arrival(r)]
    if not remotes:
        return 0
    taken = _slugs_taken(integration.site_id, [r.fields["slug"][:200] for r in remotes])
    contents, rows = [], []
    for remote in remotes:
        fields = ours_of(remote, names, {})
        slug = fields["slug"] or slug_of(fields["title"])
        while slug in taken:
            slug = f"{slug[:170]}-{remote.id}" + ("x" if slug.endswith(f"-{remote.id}") else "")
        taken.add(slug)
        contents.append(_content(integration, remote, {**fields, "slug": slug}))
    contents = _insert(contents)
    for content, remote in zip(contents, remotes, strict=True):
        row = SyncedPost(
            account_id=integration.account_id, site_id=integration.site_id, integration=integration,
            post_type=remote.kind.rest_base, external_id=remote.id, content=content, remote_status=remote.status,
            url=remote.url, modified_gmt=remote.modified_gmt, agreed_at=timezone.now(),
        )  # fmt: skip
        agree(row, content, remote)
        rows.append(row)
    SyncedPost.objects.bulk_create(rows)
    ContentVersion.objects.bulk_create(
        ContentVersion(
            account_id=content.account_id, content=content, number=1, made_by="wordpress",
            reason="came from WordPress", **{name: getattr(content, name) for name in TEXT_FIELDS},
        )
        for content in contents
    )  # fmt: skip
    topics_claim(map(topic_of, contents))
    return len(rows)


def topic_of(content: Content) -> Topic:
    """What a post of the site is about: nothing else is to be written about the same."""
    return Topic(
        account_id=content.account_id,
        site_id=content.site_id,
        source="content",
        source_id=content.pk,
        phrase=content.primary_keyword,
        title=content.title,
        url=content.external_url,
    )


def known_again(integration: SiteIntegration, remotes: Collection[Remote]) -> None:
    """Articles that are these posts already, after a connection was made anew or the site has moved, get their row.
    What both sides last agreed on went with the old one."""
    ids = {str(r.id): r for r in remotes}
    contents = Content.objects.filter(site_id=integration.site_id, external_id__in=ids).exclude(
        synced_posts__integration=integration
    )
    known = {}
    for content in contents.only("external_id", "external_url", "site_id", "slug", "title"):
        fields = ids[content.external_id].fields
        is_copy = content.slug == fields["slug"] and alike("title", content.title, unescape(fields["title"]))
        if is_copy or f"{content.external_url.partition('://')[2]}/".startswith(f"{integration.place}/"):
            known[content.external_id] = content
    SyncedPost.objects.bulk_create(
        SyncedPost(
            account_id=integration.account_id, site_id=integration.site_id, integration=integration,
            post_type=ids[pk].kind.rest_base, external_id=ids[pk].id, content=content,
        )
        for pk, content in known.items()
    )  # fmt: skip


def _slugs_taken(site_id: int, slugs: Collection[str]) -> set[str]:
    return set(Content.objects.filter(site_id=site_id, slug__in=slugs).values_list("slug", flat=True))


def _content(integration: SiteIntegration, remote: Remote, fields: Mapping[str, Any]) -> Content:
    return Content(
        account_id=integration.account_id,
        site_id=integration.site_id,
        origin=Content.Origin.WORDPRESS,
        content_type=remote.kind.content_type,
        status=Content.Status.PUBLISHED,
        site_status=Content.SiteStatus.PUBLISHED,
        external_id=str(remote.id),
        external_url=remote.url,
        published_at=remote.published_at,
        images_planned=True,
        word_count=words_count(fields["html"]),
        **fields,
    )


def _insert(contents: list[Content]) -> list[Content]:
    try:
        with transaction.atomic():
            return Content.objects.bulk_create(contents)
    except IntegrityError:  # somebody made an article with one of these slugs at this moment
        return [content_insert(content) for content in contents]
