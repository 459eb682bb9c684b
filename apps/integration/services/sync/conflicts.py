"""What both sides changed: shown with all three texts, and decided by people."""

import re
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.differences import unified_diff
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.jobs import job_start
from apps.core.models import Job
from apps.integration.models import SyncedPost
from apps.integration.services.sync.changes import LIVE, arrive
from apps.integration.services.sync.compare import digests_of
from apps.integration.services.sync.texts import TEXTS, digest, html_of, is_lossy
from apps.writer.models import Content
from apps.writer.services.content import content_update
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_claim

OURS, THEIRS, MERGED = "ours", "theirs", "merged"
_BLOCK_END = re.compile(r"(</(?:p|h[234]|li|tr|ul|ol|table|blockquote|figure)>)(?=<)")


def conflict_shown(synced: SyncedPost) -> dict[str, Any]:
    """The fields in conflict, each as it was agreed on, as it is here and as it is in WordPress, and what the texts
    differ in. Text is HTML as articles hold it."""
    content, theirs = synced.content, synced.conflict["theirs"]
    base = {
        "title": synced.base.get("title", ""),
        "html": html_of(synced.base.get("content", ""), synced.images),
        "excerpt": synced.base.get("excerpt", ""),
    }
    fields = synced.conflict["fields"]
    known = bool(synced.agreed_at)
    return {
        "fields": fields,
        "base": {name: base[name] for name in fields if name in base} if known else None,
        "ours": {name: getattr(content, name) for name in fields if hasattr(content, name)},
        "theirs": theirs,
        "lossy": synced.conflict.get("lossy", False),
        "diff": {
            name: {
                "ours": _diff(base.get(name, ""), getattr(content, name), "agreed", "ours") if known else "",
                "theirs": _diff(base.get(name, ""), theirs[name], "agreed", "WordPress") if known else "",
                "both": _diff(getattr(content, name), theirs[name], "ours", "WordPress"),
            }
            for name in fields
            if name in TEXTS and name in theirs
        },
    }


def seen_of(synced: SyncedPost) -> str:
    """Names the state of WordPress that a conflict shows."""
    return digest(str(sorted(synced.conflict["hashes"].items())))


def conflict_resolve(
    *,
    account_id: int,
    synced_id: int,
    choice: str,
    texts: dict[str, str],
    seen: str,
    by: str,
    user_id: int | None,
) -> Job | None:
    """Ends a conflict as `choice` says. Theirs comes in here; ours, or the merged `texts` that become ours, goes to
    WordPress by a job, which stops again if the post has been changed once more since it was shown here; of a post that
    was taken off the site they wait for the next publication.

    Returns that job. Raises NotFound, Conflict while it is being published and when `seen` is given and WordPress was
    found changed once more meanwhile, Invalid for merged texts that lack the
    text in conflict or can not be an article's.
    """
    with transaction.atomic():
        row = SyncedPost.objects.filter(account_id=account_id, pk=synced_id, conflict_at__isnull=False)
        content = Content.objects.select_for_update().filter(synced_posts__in=row).first()
        synced = row.select_for_update(of=("self",)).first()
        if synced is None or content is None:
            raise NotFound("There is no such conflict any more. Reload the list.")
        if content.site_status == Content.SiteStatus.PUBLISHING:
            raise Conflict("The article is being published right now. Wait until that has ended.")
        if seen and seen != seen_of(synced):
            raise Conflict("It was edited in WordPress once more. Look at the conflict again.")
        conflict = synced.conflict
        if choice == MERGED:
            needed = [n for n in ("title", "html", "excerpt") if n in conflict["fields"] and n not in texts]
            if needed:
                raise Invalid(needed[0], "Both sides changed it. Send the text that shall stand.")
            content, _ = content_update(account_id=account_id, content_id=content.pk, changes=texts, by=by)
        if choice == THEIRS:
            columns = arrive(content, conflict["theirs"])
            content.save(update_fields=[*columns, "updated_at"])
            version_keep(content, by=by, reason="the text of WordPress was chosen")
            content_claim(content)
        _seen(synced, content, conflict, theirs_taken=choice == THEIRS)
        synced.conflict, synced.conflict_at, synced.agreed_at = {}, None, timezone.now()
        synced.modified_gmt = ""  # what changed there beside the conflict is looked at by the next pass
        synced.save()
        # A choice between two texts puts nothing back on a site that people took it off, unless publishing had asked.
        is_off = synced.remote_status not in ("", LIVE) and not conflict["wanted"]
        if choice == THEIRS or is_off:
            return None
        return job_start(
            kind="content.publish",
            account_id=account_id,
            user_id=user_id,
            payload={
                "content_ids": [content.pk],
                "site_ids": [content.site_id],
                "target": "wordpress",
                "reference": None,
            },
            total=1,
            max_attempts=12,
        )


def _seen(synced: SyncedPost, content: Content, conflict: dict, *, theirs_taken: bool) -> None:
    """What people have seen of WordPress is what may be overwritten from now on, and nothing newer."""
    fields, now = conflict["fields"], digests_of(content)
    if synced.agreed_at is None:
        synced.theirs = {**conflict["hashes"], **synced.theirs}
        synced.ours = {name: "" if name in fields else value for name, value in now.items()}
    for name in fields:
        for there in conflict["names"][name]:
            if there in conflict["hashes"]:
                synced.theirs[there] = conflict["hashes"][there]
            if theirs_taken:
                synced.sent.pop(there, None)
                if name not in now and there in conflict["wanted"]:
                    synced.sent[there] = conflict["wanted"][there]  # not to be sent again
            else:
                synced.sent[there] = ""  # it goes out, be it what was once agreed on
        if name in now:
            synced.ours[name] = now[name] if theirs_taken else ""
    for there, name in (("title", "title"), ("content", "html"), ("excerpt", "excerpt")):
        if name in fields:
            synced.base[there] = conflict["raw"][there]
    if "html" in fields:
        before = synced.base.get("content", "")
        synced.is_lossy = theirs_taken and is_lossy(before, content.html, synced.images)


def _diff(before: str, after: str, before_is: str, after_is: str) -> str:
    lines = [_BLOCK_END.sub(r"\1\n", text).splitlines() for text in (before, after)]
    return unified_diff(*lines, before_is, after_is)
