"""Articles as people make, change and delete them."""

from collections.abc import Collection

from django.db import IntegrityError, transaction
from slugify import slugify

from apps.accounts.services.limits import limit_take
from apps.core.errors import Conflict, Invalid
from apps.planner.models import ClaimedTopic
from apps.planner.services.topics import topic_claim, topics_release
from apps.writer.models import Content
from apps.writer.services.html import html_clean, html_removed, words_count
from apps.writer.services.links import links_after
from apps.writer.services.pictures import files_forget
from apps.writer.services.spelling import LISTS, names_spelled
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_claim, content_locked, content_tell_review

SLUG_LENGTH, LONGEST_SLUG = 80, 200
SLUG_ATTEMPTS = 100


def names_clean(names: list[str]) -> list[str]:
    """Names in one line each, without empty ones and without those that differ only in case."""
    found: dict[str, str] = {}
    for name in names:
        name = " ".join(name.split())
        if name:
            found.setdefault(name.casefold(), name)
    return list(found.values())


def names_as_terms(content: Content, lists: Collection[str]) -> None:
    """Its categories and tags, of them those in `lists`, as the site's terms are spelled; unsaved."""
    for taxonomy, name in LISTS.items():
        if name in lists:
            names = getattr(content, name)
            setattr(content, name, names_spelled(site_id=content.site_id, taxonomy=taxonomy, names=names))


def slug_of(text: str) -> str:
    """A slug in ASCII, else in the script of `text`; "article" for a text without a letter or digit."""
    return (
        slugify(text, max_length=SLUG_LENGTH, word_boundary=True, save_order=True)
        or slugify(text, max_length=SLUG_LENGTH)
        or slugify(text, max_length=SLUG_LENGTH, allow_unicode=True)
        or "article"
    )


def content_insert(content: Content, *, slug_given: bool = False) -> Content:
    """Inserts it in the caller's transaction; a slug that the site has already gets -2, -3 and so on. Where somebody
    has chosen it (`slug_given`), raises Invalid instead."""
    base = content.slug
    names_as_terms(content, LISTS.values())
    for _ in range(SLUG_ATTEMPTS):
        content.slug = base if slug_given else _free_slug(content.site_id, base)
        try:
            with transaction.atomic():
                content.save(force_insert=True)
            content_claim(content)
            return content
        except IntegrityError as error:
            # Somebody was faster; only here, outside the savepoint, may the database be asked again.
            if _constraint(error) != "content_slug":
                raise
            if slug_given:
                raise _slug_taken(base) from None
    raise Conflict(f"Too many articles are being made with the slug {base}. Try again.")


def content_create(
    *, account_id: int, user_id: int | None, fields: dict, by: str = ""
) -> tuple[Content, list[str]]:
    """An article written by hand: a draft. Returns it and what was removed from its HTML. `by` is the user's address.

    Raises Invalid for a slug that the site has already and for HTML of which nothing is left, PlanLimitReached.
    """
    fields = dict(fields)
    html = fields.pop("html", "")
    slug = fields.pop("slug", "")
    cleaned = _html_cleaned(html)
    content = Content(
        account_id=account_id, created_by_id=user_id, html=cleaned, word_count=words_count(cleaned), **fields
    )
    content.slug = slug or slug_of(content.title)
    with transaction.atomic():
        content_insert(content, slug_given=bool(slug))
        version_keep(content, by=by, reason="written by hand")
        limit_take(account_id=account_id, resource="content")
    return content, html_removed(html, cleaned)


def content_update(*, account_id: int, content_id: int, changes: dict, by: str) -> tuple[Content, list[str]]:
    """Changes fields and state of an article. Returns it and what was removed from its HTML.

    What is published stays published: the target gets the changes when it is published again.
    Raises Invalid for a slug that is taken and for HTML of which nothing is left, Conflict for a move that its
    state forbids.
    """
    changes = dict(changes)
    status = changes.pop("status", None)
    removed: list[str] = []
    if "html" in changes:
        cleaned = _html_cleaned(changes["html"])
        removed = html_removed(changes["html"], cleaned)
        changes |= {"html": cleaned, "word_count": words_count(cleaned)}
    try:
        with transaction.atomic():
            content = content_locked(account_id=account_id, content_id=content_id)
            if "slug" in changes and not changes["slug"]:
                made = slug_of(changes.get("title", content.title))
                changes["slug"] = _free_slug(content.site_id, made, but=content.pk)
            for name, value in changes.items():
                setattr(content, name, value)
            if "html" in changes:
                content.link_problems = links_after(content.link_problems, content.html)
            names_as_terms(content, changes)
            before = content.status
            if status is not None:
                content.move_to(status, by=by)
            if not content.html and content.status in (Content.Status.APPROVED, Content.Status.PUBLISHED):
                raise Invalid("html", f"An article that is {content.status} can not be emptied.")
            content.save()
            if changes.keys() & {"title", "primary_keyword"}:
                content_claim(content)
            version_keep(content, by=by, reason="changed by hand")
            if before == Content.Status.DRAFT and content.status == Content.Status.REVIEW:
                content_tell_review(content)
    except IntegrityError as error:
        if _constraint(error) == "content_slug":
            raise _slug_taken(changes["slug"]) from None
        raise
    return content, removed


def content_delete(*, account_id: int, content_id: int) -> None:
    """Deletes an article with its images. Raises Conflict while it is being published."""
    with transaction.atomic():
        content = content_locked(account_id=account_id, content_id=content_id)
        if content.site_status == Content.SiteStatus.PUBLISHING:
            raise Conflict(
                "The article is being published right now. Wait until that has ended, then delete it."
            )
        _topic_left(content)
        files = [name for image in content.images.only("file", "variants") for name in image.files]
        content.delete()
        transaction.on_commit(lambda: files_forget(files))


def _topic_left(content: Content) -> None:
    """The topic of what is deleted is free, but where its post stays out at WordPress: then it is that one's."""
    topics_release(account_id=content.account_id, source=ClaimedTopic.Source.CONTENT, source_ids=[content.pk])
    # By the relation alone: what is known of posts belongs to an app above this one.
    post_id = content.synced_posts.values_list("external_id", flat=True).first()
    if content.status == Content.Status.PUBLISHED and post_id is not None:
        topic_claim(
            account_id=content.account_id,
            site_id=content.site_id,
            source=ClaimedTopic.Source.POST,
            source_id=post_id,
            phrase=content.primary_keyword,
            title=content.title,
            url=content.external_url,
        )


def _html_cleaned(html: str) -> str:
    cleaned = html_clean(html)
    if html.strip() and not cleaned:
        raise Invalid(
            "html", "Nothing of it may stand in an article. Send its text in p, h2, ul or table elements."
        )
    return cleaned


def _free_slug(site_id: int, base: str, *, but: int | None = None) -> str:
    others = Content.objects.filter(site_id=site_id, slug__startswith=base[:SLUG_LENGTH]).exclude(pk=but)
    taken = set(others.values_list("slug", flat=True))
    if base not in taken:
        return base
    number, stem = 2, base[: LONGEST_SLUG - len("-99999")]
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _constraint(error: IntegrityError) -> str:
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""


def _slug_taken(slug: str) -> Invalid:
    return Invalid("slug", f"The site has an article with the slug {slug} already. Choose another one.")
