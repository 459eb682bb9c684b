"""What an article was before: kept at each change of its text, compared, restored."""

import re

from django.conf import settings
from django.db import transaction

from apps.core.differences import unified_diff
from apps.core.errors import Conflict, NotFound
from apps.writer.models import Content, ContentVersion
from apps.writer.services.links import links_after
from apps.writer.services.spelling import LISTS, names_spelled
from apps.writer.services.workflow import content_claim, content_locked

# What a version holds, and a restore brings back.
TEXT_FIELDS = (
    "title", "slug", "html", "excerpt", "meta_title", "meta_description", "primary_keyword",
    "secondary_keywords", "categories", "tags", "word_count",
)  # fmt: skip
# One line a block, so that a difference shows the paragraph and not the article.
_BLOCK_END = re.compile(r"(</(?:p|h[234]|li|tr|ul|ol|table|blockquote|figure)>)(?=<)")


def version_keep(
    content: Content, *, by: str, reason: str, prompt_version: str = ""
) -> ContentVersion | None:
    """Keeps the text of an article as it is now; None when that is the newest version already.

    Called in the transaction of each change of a text, after it, with the article's row locked or just made. `by` is
    a user's address, `provider/model`, or `wordpress`, `optimizer`, `linker`. Beyond
    `settings.CONTENT_VERSIONS_KEPT` the oldest are deleted.
    """
    newest = content.versions.order_by("-number").first()
    if newest is not None and all(getattr(newest, name) == getattr(content, name) for name in TEXT_FIELDS):
        return None
    version = ContentVersion.objects.create(
        account_id=content.account_id,
        content=content,
        number=newest.number + 1 if newest else 1,
        made_by=by[:254],
        prompt_version=prompt_version[:40],
        reason=reason[:200],
        **{name: getattr(content, name) for name in TEXT_FIELDS},
    )
    content.versions.filter(number__lte=version.number - settings.CONTENT_VERSIONS_KEPT).delete()
    return version


def version_of(*, account_id: int, content_id: int, number: int) -> ContentVersion:
    """Raises NotFound."""
    rows = ContentVersion.objects.filter(account_id=account_id, content_id=content_id, number=number)
    version = rows.select_related("content").first()
    if version is None:
        raise NotFound(f"The article has no version {number}. Its list says which are kept.")
    return version


def version_diff(version: ContentVersion) -> dict:
    """What the article is now beside a version: {"changed": {field: {"then", "now"}}, "diff"}, of the HTML unified."""
    content = version.content
    changed = {
        name: {"then": getattr(version, name), "now": getattr(content, name)}
        for name in TEXT_FIELDS
        if name != "html" and getattr(version, name) != getattr(content, name)
    }
    diff = unified_diff(_lines(version.html), _lines(content.html), f"version {version.number}", "now")
    return {"changed": changed, "diff": diff}


def version_restore(*, account_id: int, content_id: int, number: int, by: str) -> tuple[Content, bool]:
    """Makes an article what it was in a version, which becomes its newest. Returns it, and whether its slug came back.

    The slug stays where the article is published, for its address is known, and where another article has the old
    one. The workflow state stays too. Raises NotFound, and Conflict where it would empty what is approved or published.
    """
    with transaction.atomic():
        content = content_locked(account_id=account_id, content_id=content_id)
        version = version_of(account_id=account_id, content_id=content_id, number=number)
        if not version.html and content.status in (Content.Status.APPROVED, Content.Status.PUBLISHED):
            raise Conflict(
                f"Version {number} has no text, and an article that is {content.status} can not be emptied."
            )
        others = Content.objects.filter(site_id=content.site_id, slug=version.slug).exclude(pk=content.pk)
        keep_slug = content.slug != version.slug and (
            content.status == Content.Status.PUBLISHED or others.exists()
        )
        names = [name for name in TEXT_FIELDS if not (keep_slug and name == "slug")]
        for name in names:
            setattr(content, name, getattr(version, name))
        for taxonomy, name in LISTS.items():  # a term may be spelled otherwise since
            restored = getattr(content, name)
            setattr(content, name, names_spelled(site_id=content.site_id, taxonomy=taxonomy, names=restored))
        content.link_problems = links_after(content.link_problems, content.html)
        content.save(update_fields=[*names, "link_problems", "updated_at"])
        content_claim(content)
        version_keep(content, by=by, reason=f"version {number} restored")
    return content, not keep_slug


def _lines(html: str) -> list[str]:
    return _BLOCK_END.sub(r"\1\n", html).splitlines()
