"""The post of an article: made once, brought up to date, read back.

The way of a new one, each step of which may be the last that this process does:

1. An empty draft is made under a slug that is the article's own key. Nobody sees it. Before that, and after an answer
   that was lost, it is looked for by that slug; of several the oldest stays and the others are deleted.
2. Its id is stored here. From now on there is nothing to look for.
3. The draft gets all fields and is published by one update, which may be done twice.
4. All fields are read back.

One that is out is held first against what both sides last agreed on: what people changed in WordPress is not written
over (`sync.agreement`).
"""

from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.locks import named_lock
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.models import SiteIntegration, SiteStructure
from apps.integration.services.connections import integration_of, wordpress_of
from apps.integration.services.structure import post_types_of
from apps.integration.services.sync.agreement import flat, post_agreed, post_of
from apps.publisher.models import PublishingRecord, WordPressPost
from apps.publisher.services.illustrated import html_illustrated
from apps.publisher.services.wordpress.bringing import post_bring
from apps.publisher.services.wordpress.errors import TargetFailed
from apps.publisher.services.wordpress.fields import Wanted, Written, as_text, same_value, told
from apps.publisher.services.wordpress.keys import drafts_of_key, key_fields, posts_of_key
from apps.publisher.services.wordpress.kinds import Kind, author_of, kind_of, rest_base_of
from apps.publisher.services.wordpress.media import media_put, media_tidy
from apps.publisher.services.wordpress.meta import meta_values
from apps.publisher.services.wordpress.terms import terms_put
from apps.writer.models import Content, Image
from apps.writer.services.blocks import html_blocks
from apps.writer.services.html import html_clean

# The longest that a slow site may still work on a request whose answer nobody waits for.
LATE = timedelta(minutes=10)


def post_write(
    *, content: Content, integration: SiteIntegration, again: bool, as_draft: bool = False
) -> Written:
    """Makes or updates the post of an article and reads it back. `again`: it was begun before, and not ended.
    `as_draft`: it is left to people to publish it there; what they have moved on stays where it is.

    May be done any number of times, also side by side. No transaction may be open. Raises TargetFailed,
    EditedOnBothSides, and Busy when somebody else publishes the same article.
    """
    images = {
        image.pk: image
        for image in Image.objects.filter(
            content=content, site_id=content.site_id, status=Image.Status.GENERATED
        )
    }
    failed = PublishingRecord.objects.filter(content=content, status=PublishingRecord.Status.FAILED)
    again = again or failed.exists()
    try:
        with named_lock(f"publish.{content.pk}"), wordpress_of(integration) as site:
            media, alt_kept = media_put(site, integration, content, list(images.values()))
            post, doubt = _post(site, integration, content)
            if doubt or again:
                WordPressPost.objects.filter(pk=post.pk).update(tidy_at=timezone.now() + LATE)
            kind = kind_of(site, integration, post.post_type)
            wanted = _wanted(site, integration, kind, post.content, images, media, alt_kept)
            if as_draft:
                wanted.fields["status"] = "draft"
            synced, stored, sent = post_bring(site, integration, post, wanted, kind.as_synced)
    except WordPressError as error:
        raise TargetFailed.of(error) from error
    agreed = partial(
        post_agreed,
        synced.pk,
        content,
        wanted=flat(wanted.fields),
        sent=sent,
        stored=stored,
        same=same_value,
        kind=kind.as_synced,
        images={m.url: [pk, m.external_id] for pk, m in media.items() if m.url in wanted.fields["content"]},
    )
    if stored["status"] != "publish" and not as_draft:
        with transaction.atomic():
            agreed()  # who reviews it there may edit it: that is theirs from now on
        raise TargetFailed(
            f"WordPress has the article, but keeps it as “{stored['status']}”: publish it there, or give "
            f"the user {integration.username} the right to publish."
        )
    published_at = datetime.fromisoformat(stored["date_gmt"]).replace(tzinfo=UTC)
    is_out, fields = stored["status"] == "publish", told(content, wanted, stored)
    return Written(
        external_id=str(post.external_id),
        url=stored["link"],
        published_at=published_at,
        fields=fields | {"status": "kept" if is_out else "changed"},
        is_out=is_out,
        agreed=agreed,
    )


def post_tidy(post_id: int) -> int:
    """Deletes drafts and pictures of an article that came late, beside what it is. Returns how many; TargetFailed."""
    post = WordPressPost.objects.select_related("content").get(pk=post_id)
    integration = integration_of(site_id=post.site_id)
    deleted = 0
    if integration and integration.place == post.place:
        try:
            with named_lock(f"publish.{post.content_id}"), wordpress_of(integration) as site:
                posts = posts_of_key(site, integration, post.post_type, post.content)
                for found in drafts_of_key(post.content, posts):
                    if found["id"] != post.external_id:
                        site.delete(f"/wp/v2/{found['rest_base']}/{found['id']}")
                        deleted += 1
                deleted += media_tidy(site, integration, post.content)
        except WordPressError as error:
            raise TargetFailed.of(error) from error
    WordPressPost.objects.filter(pk=post.pk, tidy_at=post.tidy_at).update(tidy_at=None)
    return deleted


def _wanted(
    site: WordPress,
    integration: SiteIntegration,
    kind: Kind,
    content: Content,
    images: dict,
    media: dict,
    alt_kept: set[int],
) -> Wanted:
    body = html_illustrated(html_clean(content.html), images, {pk: m.url for pk, m in media.items()})
    featured = next((pk for pk, i in images.items() if i.kind == Image.Kind.FEATURED and pk in media), None)
    terms = {
        name: terms_put(site, at, getattr(content, name), site_id=content.site_id)
        for name, at in kind.taxonomies.items()
    }
    fields = {
        "title": as_text(content.title),
        "content": html_blocks(body, {m.url: m.external_id for m in media.values()}),
        "excerpt": as_text(content.excerpt),
        "slug": content.slug,
        "status": "publish",
        "featured_media": media[featured].external_id if featured else 0,
        **{kind.taxonomies[name].rest_base: sorted(ids.values()) for name, ids in terms.items()},
    }
    for name in ("excerpt", "featured_media"):
        if name not in kind.fields:
            del fields[name]
    if "categories" in fields and not fields["categories"]:
        # WordPress gives its default one, which stays: but for categories of ours that the editor has taken away.
        synced = post_of(integration=integration, content=content)
        if synced is None or "categories" not in synced.sent:
            del fields["categories"]
    meta = meta_values(content, kind.meta)
    if meta:
        fields["meta"] = meta
    return Wanted(
        fields=fields,
        terms=terms,
        images={pk: media[pk].url if pk in media else "" for pk in images},
        featured=featured,
        alt_kept=alt_kept,
        terms_at={name: at.rest_base for name, at in kind.taxonomies.items()},
        author=author_of(site, integration.author) if "author" in kind.fields else None,
        has_author=bool(integration.author),
    )


def _post(
    site: WordPress, integration: SiteIntegration, content: Content
) -> tuple[WordPressPost, WordPressError | None]:
    """The row of the article's post, which is there, and the answer to making it, if that was lost."""
    rows = WordPressPost.objects.filter(content=content)
    row = rows.filter(place=integration.place).first()
    stands = row and _stands(site, integration, row)
    if stands:
        row.save(update_fields=["post_type"])
        if stands["status"] == "trash":
            raise _in_trash(site)
        row.content = content
        return row, None
    if row:  # deleted there for good
        row.delete()
    moved = _theirs(site, integration, content) or next((r for r in rows if _is_copy(site, r, content)), None)
    kind = moved.post_type if moved else rest_base_of(site, integration, content)
    lost, drafts = None, []
    if not moved:
        drafts = posts_of_key(site, integration, kind, content)
        if not drafts:
            lost = _draft(site, integration, kind, content)
            drafts = posts_of_key(site, integration, kind, content)
            if not drafts:
                raise lost or WordPressError(
                    "timeout", f"{site.host} took the article, and does not have it."
                )
        kind = drafts[0]["rest_base"]
        for double in drafts_of_key(content, drafts[1:]):
            site.delete(f"/wp/v2/{double['rest_base']}/{double['id']}")
    found = moved.external_id if moved else drafts[0]["id"]
    defaults = {
        "account_id": content.account_id,
        "site_id": content.site_id,
        "post_type": kind,
        "external_id": found,
    }
    try:
        with transaction.atomic():
            row, _ = WordPressPost.objects.get_or_create(
                content=content, place=integration.place, defaults=defaults
            )
    except IntegrityError:
        raise TargetFailed(
            f"Post {found} of {site.host} is another article of yours already. Tell us both articles."
        ) from None
    if row.external_id != found and drafts_of_key(content, drafts[:1]):
        # Somebody who works beside us was faster, and his draft has lost the key's slug meanwhile.
        site.delete(f"/wp/v2/{kind}/{found}")
    if row.external_id == found and drafts and drafts[0]["status"] == "trash":
        raise _in_trash(site)
    row.content = content
    return row, lost


def _in_trash(site: WordPress) -> TargetFailed:
    return TargetFailed(
        f"The article lies in the trash of {site.host}. Restore it there, or delete it for good; publish then."
    )


def _theirs(site: WordPress, integration: SiteIntegration, content: Content) -> WordPressPost | None:
    """The post that an article came from; unsaved. One that was deleted for good is forgotten."""
    synced = post_of(integration=integration, content=content)
    if synced is None:
        return None
    row = WordPressPost(content=content, post_type=synced.post_type, external_id=synced.external_id)
    if stands := _stands(site, integration, row):
        if stands["status"] == "trash":
            raise _in_trash(site)
        return row
    synced.delete()
    return None


def _stands(site: WordPress, integration: SiteIntegration, row: WordPressPost) -> dict | None:
    """The post of a row, whose `post_type` follows when a plug-in made a page of it; None when it is deleted."""
    if found := _read(site, row):
        return found
    structure, was = SiteStructure.objects.filter(integration=integration).first(), row.post_type
    for kind in post_types_of(structure, integration) if structure else ():
        if not found and kind.rest_base != was and kind.namespace == "wp/v2":
            row.post_type = kind.rest_base
            try:
                found = _read(site, row)
            except WordPressError as error:
                if error.status != 404:  # a type that knows no such numbers
                    raise
    row.post_type = row.post_type if found else was
    return found


def _read(site: WordPress, row: WordPressPost) -> dict | None:
    """The post of a row; None when there is none of its type."""
    try:
        return site.get(row.path, context="edit", _fields="id,status,slug,title")
    except WordPressError as error:
        if error.is_gone:
            return None
        raise


def _is_copy(site: WordPress, row: WordPressPost, content: Content) -> bool:
    """Whether this WordPress has, under the same id, what the article is at another address: a site that moved."""
    found = _read(site, row)
    same = found and found["slug"] == content.slug and found["title"]["raw"] == as_text(content.title)
    return bool(same) and found["status"] != "trash"


def _draft(
    site: WordPress, integration: SiteIntegration, kind: str, content: Content
) -> WordPressError | None:
    """Makes the empty draft. Returns why no good answer came, when it may be there all the same, or come yet."""
    draft = {"status": "draft", "title": as_text(content.title), **key_fields(integration, content)}
    if author := author_of(site, integration.author):
        draft["author"] = author  # once: whose it is afterwards is the site's to say
    try:
        site.post(f"/wp/v2/{kind}", draft, once=True)
    except WordPressError as error:
        if not error.maybe_done:
            raise
        return error
    return None
