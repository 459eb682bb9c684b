"""Links taken out again."""

from django.db import transaction
from django.utils import timezone

from apps.core.errors import NotFound
from apps.linker.models import Link, LinkPass
from apps.linker.services.markup import html_hash, link_find, links_strip
from apps.writer.models import Content
from apps.writer.services.links import links_after
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_locked


def pass_undo(*, account_id: int, pass_id: int, by: str) -> dict:
    """Takes the links of a pass out again; its credits stay spent. Again it does nothing.

    Where the text is as the pass left it, it becomes byte for byte what it was before. Where it was changed since,
    those links go that still stand as they were put in, and nothing else. Returns {"pass_id", "content_id", "exact",
    "removed", "lost": links that were changed or removed before}. Raises NotFound.
    """
    with transaction.atomic():
        rows = LinkPass.objects.filter(account_id=account_id, pk=pass_id)
        content_id = rows.values_list("content_id", flat=True).first()
        if content_id is None:
            raise NotFound("The pass does not exist any more.")
        content = content_locked(account_id=account_id, content_id=content_id)
        done = rows.get()
        links = list(done.links.all())
        if done.status == LinkPass.Status.UNDONE:
            return _undone(done, links, content)
        html = content.html
        if html_hash(html) == done.hash_after:
            found = {link.pk: link.offset for link in links}
        else:
            found = {link.pk: link_find(html, link.offset, link.opening, link.inner) for link in links}
        standing = [link for link in links if found[link.pk] >= 0]
        content.html = links_strip(html, [(found[link.pk], link.opening, link.inner) for link in standing])
        if content.html != html:
            content.link_problems = links_after(content.link_problems, content.html)
            content.save(update_fields=["html", "link_problems", "updated_at"])
            version_keep(content, by=by, reason=f"links of pass {done.pk} taken out")
        for link in links:
            link.status = Link.Status.REMOVED if found[link.pk] >= 0 else Link.Status.LOST
        Link.objects.bulk_update(links, ["status"])
        done.status, done.undone_by, done.undone_at = LinkPass.Status.UNDONE, by[:254], timezone.now()
        done.save(update_fields=["status", "undone_by", "undone_at"])
        return _undone(done, links, content)


def _undone(done: LinkPass, links: list[Link], content: Content) -> dict:
    lost = [link for link in links if link.status == Link.Status.LOST]
    return {
        "pass_id": done.pk,
        "content_id": content.pk,
        "exact": html_hash(content.html) == done.hash_before,
        "removed": len(links) - len(lost),
        "lost": [{"anchor": link.anchor, "url": link.url} for link in lost],
    }
