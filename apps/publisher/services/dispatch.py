"""Handing work to jobs: what people ask for, what is due, and what was forgotten."""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Account, Site
from apps.core.errors import AppError, Conflict
from apps.core.jobs import job_start
from apps.core.locks import Busy
from apps.core.models import Job
from apps.integration.services.connections import connected_sites
from apps.integration.services.sync.agreement import conflicts_of
from apps.publisher.models import PublishingRecord, Target, WordPressPost
from apps.publisher.services.catching_up import late_held
from apps.publisher.services.publishing import OPEN, PUBLISHABLE, target_check
from apps.publisher.services.wordpress import TargetFailed, post_tidy, term_texts_check
from apps.writer.models import Content

# A record that is open for longer has lost whoever worked on it.
FORGOTTEN_AFTER = timedelta(minutes=15)
# A site that is down is asked for about twenty minutes: 2, 4, 8 … seconds between, at most 300.
MAX_ATTEMPTS = 12
log = logging.getLogger(__name__)


def publish_start(
    *,
    account_id: int,
    content_ids: list[int],
    target: str | None = None,
    reference: str | None = None,
    user_id: int | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Starts the job that publishes these articles of the account; refused when one of them is not approved, or
    one of their sites has no target.

    `reference` is for one article whose record is made already. Raises Invalid, Conflict.
    """
    contents = Content.objects.filter(account_id=account_id, pk__in=content_ids)
    early = list(contents.exclude(status__in=PUBLISHABLE).order_by("pk").values_list("pk", flat=True)[:100])
    if early:
        raise Conflict(
            f"Only approved content is published; approve these first: {', '.join(map(str, early))}.",
            details={"content_ids": early},
        )
    undecided = [] if target == Target.HOSTED else conflicts_of(content_ids=content_ids)
    if undecided:
        raise Conflict(
            "These articles were changed in WordPress and here; choose which text stays under "
            f"integration/conflicts/ first: {', '.join(map(str, undecided[:100]))}.",
            details={"content_ids": undecided[:100]},
        )
    sites = list(Site.objects.filter(pk__in=contents.values("site_id")).order_by("pk"))
    goes_to = {site.pk: target_check(site=site, target=target) for site in sites}
    term_texts_check(
        contents.filter(site_id__in=[pk for pk, to in goes_to.items() if to == Target.WORDPRESS])
    )
    targets = set(goes_to.values())
    return job_start(
        kind="content.publish",
        account_id=account_id,
        user_id=user_id,
        payload={
            "content_ids": content_ids,
            "site_ids": [site.pk for site in sites],
            "target": targets.pop() if len(targets) == 1 else target,
            "reference": reference,
        },
        total=len(content_ids),
        idempotency_key=idempotency_key,
        max_attempts=MAX_ATTEMPTS,
    )


def record_create(
    *,
    account_id: int,
    content: Content,
    reference: str,
    target: str | None,
    user_id: int | None,
    key: str | None,
) -> PublishingRecord:
    """A record that waits, and the job that publishes it. Raises Conflict for content that is not approved."""
    if content.status not in PUBLISHABLE:
        raise Conflict(f"Only approved content is published; “{content.title}” is {content.status}.")
    with transaction.atomic():
        record, _ = PublishingRecord.objects.get_or_create(
            content=content,
            reference=reference,
            defaults={
                "account_id": account_id,
                "site_id": content.site_id,
                "target": target_check(site=content.site, target=target),
            },
        )
        publish_start(
            account_id=account_id,
            content_ids=[content.pk],
            target=target,
            reference=reference,
            user_id=user_id,
            idempotency_key=key,
        )
    return record


def publish_due(limit: int = 500) -> int:
    """Starts a job for each article whose time has come, and for each record that was forgotten. Returns how many.

    What is late, after an outage, goes within the limits of its site; what is beyond them gets the next free slots.
    An article is taken by one caller, however many call: it is locked, and becomes `publishing` together with
    its record and its job, or not at all. Those of suspended accounts wait, as where publishing is switched off.
    """
    now = timezone.now()
    with transaction.atomic():
        due = list(
            Content.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                site_status=Content.SiteStatus.SCHEDULED,
                scheduled_publish_at__lte=now,
                account__status=Account.Status.ACTIVE,
            )
            .exclude(account__disabled_modules__contains=["publisher"])
            .select_related("site")
            .order_by("scheduled_publish_at", "pk")[:limit]
        )
        due = late_held(due, now)
        connected = connected_sites({content.site_id for content in due})
        begun = [c.pk for c in due if _begin_due(c, is_connected=c.site_id in connected)]
        Content.objects.filter(pk__in=begun).update(site_status=Content.SiteStatus.PUBLISHING)
    forgotten = PublishingRecord.objects.filter(status__in=OPEN, touched_at__lt=now - FORGOTTEN_AFTER)
    forgotten = forgotten.exclude(next_try_at__gt=now)  # the site has asked not to be asked before
    forgotten = list(forgotten.filter(account__status=Account.Status.ACTIVE).order_by("touched_at")[:limit])
    for record in forgotten:
        # The hour is part of the key, so that a job which was lost too is followed by another one.
        try:
            _start_again(record, key=f"again:{record.pk}:{now:%Y%m%d%H}")
        except AppError:
            log.exception("record %s could not be begun again", record.pk)
    return len(begun) + len(forgotten)


def _begin_due(content: Content, *, is_connected: bool) -> bool:
    """The record and the job of one article. What is wrong with it must not keep the others from their time."""
    reference = f"due:{content.pk}:{content.scheduled_publish_at.isoformat()}"
    try:
        with transaction.atomic():
            record, _ = PublishingRecord.objects.get_or_create(
                content=content,
                reference=reference,
                defaults={
                    "account_id": content.account_id,
                    "site_id": content.site_id,
                    "target": Target.WORDPRESS if is_connected else Target.HOSTED,
                },
            )
            _start_again(record, key=reference)
    except AppError:
        log.exception("content %s is due and could not be begun", content.pk)
        return False
    return True


def _start_again(record: PublishingRecord, *, key: str) -> None:
    payload = {
        "content_ids": [record.content_id],
        "site_ids": [record.site_id],
        "target": record.target,
        "reference": record.reference,
    }
    job_start(
        kind="content.publish",
        account_id=record.account_id,
        payload=payload,
        total=1,
        idempotency_key=key,
        max_attempts=MAX_ATTEMPTS,
    )


def posts_tidy(limit: int = 100) -> int:
    """Deletes drafts that came late at a WordPress, after answers that were lost. Returns how many."""
    due = WordPressPost.objects.filter(
        tidy_at__lte=timezone.now(), account__status=Account.Status.ACTIVE
    ).order_by("tidy_at")
    deleted = 0
    for post_id in list(due.values_list("pk", flat=True)[:limit]):
        try:
            deleted += post_tidy(post_id)
        except (TargetFailed, Busy):
            # The site is away: look again in an hour.
            WordPressPost.objects.filter(pk=post_id).update(tidy_at=timezone.now() + timedelta(hours=1))
            log.warning("post %s could not be tidied", post_id, exc_info=True)
    return deleted
