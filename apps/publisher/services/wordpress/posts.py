"""The post of an article: made once, brought up to date, read back.

The way of a new one, each step of which may be the last that this process does:

1. An empty draft is made under a slug that is the article's own key. Nobody sees it. Before that, and after an answer
   that was lost, it is looked for by that slug; of several the oldest stays and the others are deleted.
2. Its id is stored here. From now on there is nothing to look for.
3. The draft gets all fields and is published by one update, which may be done twice.
4. All fields are read back.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError
from django.utils import timezone

from apps.core.locks import named_lock
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration
from apps.integration.services.connections import wordpress_of
from apps.publisher.models import WordPressPost
from apps.publisher.services.illustrated import html_illustrated
from apps.publisher.services.wordpress.errors import TargetFailed
from apps.publisher.services.wordpress.fields import Wanted, told
from apps.publisher.services.wordpress.media import media_put, media_tidy
from apps.publisher.services.wordpress.meta import meta_keys, meta_values
from apps.publisher.services.wordpress.terms import terms_put
from apps.writer.models import Content, Image
from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import html_clean

LIVE = "publish,future,draft,pending,private"
# The longest that a slow site may still work on a request whose answer nobody waits for.
LATE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Written:
    """What stands at the target. `fields` by name: kept, changed or dropped."""

    external_id: str
    url: str
    published_at: datetime
    fields: dict[str, str] = field(default_factory=dict)


def post_write(*, content: Content, integration: SiteIntegration, again: bool) -> Written:
    """Makes or updates the post of an article and reads it back. `again`: it was begun before, and not ended.

    May be done any number of times, also side by side. No transaction may be open. Raises TargetFailed, and Busy
    when somebody else publishes the same article.
    """
    images = {
        image.pk: image
        for image in Image.objects.filter(content=content, site_id=content.site_id).filter(
            status=Image.Status.GENERATED
        )
    }
    try:
        with named_lock(f"publish.{content.pk}"), wordpress_of(integration) as site:
            media, alt_kept = media_put(site, integration, content, list(images.values()))
            wanted = _wanted(site, content, images, media, alt_kept)
            post, doubt = _post(site, integration, content)
            if doubt or again:
                WordPressPost.objects.filter(pk=post.pk).update(tidy_at=timezone.now() + LATE)
            stored = _brought(site, post, wanted)
    except WordPressError as error:
        raise TargetFailed.of(error) from error
    if stored["status"] != "publish":
        raise TargetFailed(
            f"WordPress has the article, but keeps it as “{stored['status']}”: publish it there, or give "
            f"the user {integration.username} the right to publish."
        )
    published_at = datetime.fromisoformat(stored["date_gmt"]).replace(tzinfo=UTC)
    return Written(str(post.external_id), stored["link"], published_at, told(content, wanted, stored))


def post_tidy(post: WordPressPost) -> int:
    """Deletes drafts and pictures of an article that came late, beside what it is. Returns how many; TargetFailed."""
    try:
        with named_lock(f"publish.{post.content_id}"), wordpress_of(post.integration) as site:
            late = [
                found
                for found in _by_key(site, post.content)
                if found["id"] != post.external_id and found["status"] == "draft"
            ]
            for found in late:
                site.delete(f"{_route(post.content)}/{found['id']}", force="true")
            pictures = media_tidy(site, post.integration, post.content)
    except WordPressError as error:
        raise TargetFailed.of(error) from error
    WordPressPost.objects.filter(pk=post.pk).update(tidy_at=None)
    return len(late) + pictures


def _route(content: Content) -> str:
    return "/wp/v2/pages" if content.content_type == "page" else "/wp/v2/posts"


def _key_slug(content: Content) -> str:
    return f"igny8-{content.content_key.hex}"


def _wanted(site: WordPress, content: Content, images: dict, media: dict, alt_kept: set[int]) -> Wanted:
    body = html_illustrated(html_clean(content.html), images, {pk: m.url for pk, m in media.items()})
    # WordPress decides itself which picture is loaded late.
    body = body.replace(' loading="lazy"', "")
    featured = next((pk for pk, i in images.items() if i.kind == Image.Kind.FEATURED and pk in media), None)
    taxonomies = {"categories": {}, "tags": {}}
    if content.content_type != "page":
        taxonomies = {name: terms_put(site, name, getattr(content, name)) for name in taxonomies}
    fields = {
        "title": content.title,
        "content": html_blocks(body, {m.url: m.external_id for m in media.values()}),
        "excerpt": content.excerpt,
        "slug": content.slug,
        "status": "publish",
        "featured_media": media[featured].external_id if featured else 0,
    }
    if content.content_type != "page":
        fields |= {name: sorted(terms.values()) for name, terms in taxonomies.items()}
        if not fields["categories"]:
            del fields["categories"]  # WordPress gives its default one
    meta = meta_values(content, meta_keys(site, _route(content)))
    if meta:
        fields["meta"] = meta
    return Wanted(
        fields=fields,
        terms=taxonomies,
        images={pk: media[pk].url if pk in media else "" for pk in images},
        featured=featured,
        alt_kept=alt_kept,
    )


def _post(site: WordPress, integration: SiteIntegration, content: Content) -> tuple[WordPressPost, bool]:
    """The row of the article's post, which is there, and whether the answer to making it was lost."""
    row = WordPressPost.objects.filter(integration=integration, content=content).first()
    if row and not _is_there(site, content, row.external_id):
        row.delete()
        row = None
    if row:
        return row, False
    found = _adopted(site, integration, content)
    lost = None
    if found is None:
        drafts = _by_key(site, content)
        if not drafts:
            lost = _draft(site, content)
            drafts = _by_key(site, content)
            if not drafts:
                raise lost or WordPressError(
                    "timeout", f"{site.host} took the article, and does not have it."
                )
        found = drafts[0]["id"]
        for double in drafts[1:]:
            if double["status"] == "draft":
                site.delete(f"{_route(content)}/{double['id']}", force="true")
    defaults = {"account_id": content.account_id, "external_id": found}
    try:
        row, _ = WordPressPost.objects.get_or_create(
            integration=integration, content=content, defaults=defaults
        )
    except IntegrityError:
        raise TargetFailed(
            f"Post {found} of {site.host} is another article of yours already. Tell us both articles."
        ) from None
    if row.external_id != found:
        # Somebody who works beside us was faster, and his draft has lost the key's slug meanwhile.
        site.delete(f"{_route(content)}/{found}", force="true")
    return row, lost is not None


def _is_there(site: WordPress, content: Content, external_id: int) -> bool:
    try:
        status = site.get(f"{_route(content)}/{external_id}", context="edit", _fields="id,status").data[
            "status"
        ]
    except WordPressError as error:
        if error.status in (404, 410):
            return False
        raise
    if status == "trash":
        raise TargetFailed(
            f"The article lies in the trash of {site.host}. Restore it there, or delete it for good, then publish."
        )
    return True


def _adopted(site: WordPress, integration: SiteIntegration, content: Content) -> int | None:
    """The post that an earlier connection to the same site published this article as."""
    if not content.external_id.isdecimal() or not content.external_url.startswith(integration.site_url + "/"):
        return None
    try:
        found = site.get(
            f"{_route(content)}/{content.external_id}", context="edit", _fields="id,link,status"
        ).data
    except WordPressError as error:
        if error.status in (401, 403, 404, 410):
            return None
        raise
    same = found["link"] == content.external_url and found["status"] != "trash"
    return found["id"] if same else None


def _draft(site: WordPress, content: Content) -> WordPressError | None:
    """Makes the empty draft. Returns why no good answer came, when it may be there all the same, or come yet."""
    draft = {"status": "draft", "slug": _key_slug(content), "title": content.title}
    try:
        site.post(_route(content), draft, once=True)
    except WordPressError as error:
        if not error.maybe_done:
            raise
        return error
    return None


def _by_key(site: WordPress, content: Content) -> list[dict]:
    """Posts that carry the article's key as their slug, the oldest first."""
    slug = _key_slug(content)
    answer = site.get(
        _route(content),
        slug=",".join([slug, *(f"{slug}-{n}" for n in range(2, 6))]),
        status=LIVE,
        context="edit",
        per_page=100,
        _fields="id,status",
    )
    return sorted(answer.data, key=lambda post: post["id"])


def _brought(site: WordPress, post: WordPressPost, wanted: Wanted) -> dict:
    """Brings the post to what is wanted and returns how it stands afterwards. What stands so already is not touched."""
    path = f"{_route(post.content)}/{post.external_id}"
    digest = hashlib.sha256(json.dumps(wanted.fields, sort_keys=True).encode()).hexdigest()
    stored = site.get(path, context="edit").data
    if post.sent_hash != digest or not wanted.stands(stored):
        site.post(path, wanted.fields)
        WordPressPost.objects.filter(pk=post.pk).update(sent_hash=digest, updated_at=timezone.now())
        stored = site.get(path, context="edit").data
    return stored
