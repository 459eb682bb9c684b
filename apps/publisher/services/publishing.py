"""Publishing: at once, at a time, or at the next free slot of a site. An article is at its target once, whoever asks.

`publishing` is never where an article stays: whoever publishes works under a lease (a job, a run's item) and does it
again after a crash under the same reference, and what nobody took up again is given to a new job by `publish_due`
(dispatch.py).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Site
from apps.core.errors import AppError, Conflict, Invalid, NotFound
from apps.core.jobs import JobCancelled, LeaseLost
from apps.core.locks import Busy
from apps.core.zones import zone_of
from apps.integration.models import SiteSettings
from apps.integration.services.connections import integration_of
from apps.integration.services.settings import site_settings
from apps.integration.services.sync.agreement import taken_off_note
from apps.publisher.models import PublishingRecord, Target
from apps.publisher.services.calendar import times_placed
from apps.publisher.services.pages import page_write
from apps.publisher.services.placement import next_slot
from apps.publisher.services.wordpress import TargetFailed, Written, post_write, term_texts_check
from apps.publisher.services.wordpress.errors import TakenOff
from apps.system.services.content_settings import content_settings
from apps.writer.models import Content
from apps.writer.services.workflow import content_claim

Finish = Callable[[dict], None] | None
PUBLISHABLE = (Content.Status.APPROVED, Content.Status.PUBLISHED)
OPEN = (PublishingRecord.Status.PENDING, PublishingRecord.Status.PUBLISHING)
FURTHEST = timedelta(days=3650)


def target_of(site: Site) -> str:
    """Where an article of the site goes when nobody says: to what the site is connected to, else to us."""
    return Target.WORDPRESS if integration_of(site_id=site.pk) else Target.HOSTED


def target_check(*, site: Site, target: str | None) -> str:
    """The target that an article of the site goes to. Raises Invalid, or Conflict for a site that is closed."""
    if target not in (None, *Target.values):
        raise Invalid("target", f"There is no target {target[:40]}. Use “hosted” or “wordpress”.")
    if not site.is_active:
        raise Conflict(f"The site {site.name} is switched off. Turn on is_active, then publish.")
    connected = target != Target.HOSTED and integration_of(site_id=site.pk) is not None
    if target == Target.WORDPRESS and not connected:
        raise Invalid(
            "target",
            f"No WordPress connection is set up for the site {site.name}. Set one up, or publish to “hosted”.",
        )
    if connected:
        return Target.WORDPRESS
    if not site.is_hosted:
        raise Conflict(
            f"The site {site.name} is not hosted by us, and it has no other target. Connect its WordPress, "
            "or turn on is_hosted."
        )
    return Target.HOSTED


def content_publish(
    *, account_id: int, content_id: int, reference: str, target: str | None = None, finish: Finish = None
) -> dict:
    """Publishes an article, or brings what is out up to date. Under a reference that is done it does nothing.

    Returns {"record_id", "external_id", "external_url", "fields"}; `fields` says for each field whether the target
    kept, changed or dropped it; a changed `status` is a draft, where the account leaves publishing to people of the
    site (`default_publish_status`). `finish` is called with it in the transaction that makes it published. No
    transaction may be open for a target that is not ours. Raises NotFound, Conflict for what is neither approved nor
    published, Invalid for a target that the site has not, TargetFailed, and Busy while another one publishes it.
    """
    record_id = None
    try:
        with transaction.atomic():
            content = _locked(account_id, content_id)
            record, _ = PublishingRecord.objects.get_or_create(
                content=content,
                reference=reference,
                defaults={
                    "account_id": account_id,
                    "site_id": content.site_id,
                    "target": target or target_of(content.site),
                },
            )
            if record.status == PublishingRecord.Status.PUBLISHED:
                return _finished(record, finish)
            record_id = record.pk
            record.status = PublishingRecord.Status.PUBLISHING
            record.attempts += 1
            record.touched_at, record.next_try_at = timezone.now(), None
            record.save(update_fields=["status", "attempts", "touched_at", "next_try_at"])
            if content.status in PUBLISHABLE:
                _set_site_status(content, Content.SiteStatus.PUBLISHING)
        # Asked again, it goes where it was asked to go the first time, whatever the site is connected to by now.
        target = target_check(site=content.site, target=target or record.target)
        written = None
        if target == Target.WORDPRESS:
            _check_publishable(content, target)
            term_texts_check(Content.objects.filter(pk=content.pk))
            integration = integration_of(site_id=content.site_id)
            if integration is None:
                raise Conflict("The connection to WordPress was just switched off. Turn it on, then publish.")
            status = content_settings(account_id=account_id, key="publishing")["default_publish_status"]
            written = post_write(
                content=content,
                integration=integration,
                again=record.attempts > 1,
                as_draft=status == "draft" and content.status == Content.Status.APPROVED,
            )
        with transaction.atomic():
            content = _locked(account_id, content_id)
            record = PublishingRecord.objects.select_for_update().get(pk=record_id)
            if record.status == PublishingRecord.Status.PUBLISHED:
                return _finished(record, finish)
            _check_publishable(content, target)
            record.target = target
            if written is None:
                page, fields = page_write(content)
                written = Written(str(page.pk), page.url, page.published_at, fields)
            if written.is_out:
                content.status, content.site_status = Content.Status.PUBLISHED, Content.SiteStatus.PUBLISHED
                content.published_at = written.published_at
            else:  # a sync tells when people have published it there
                content.site_status = Content.SiteStatus.NOT_PUBLISHED
            content.external_id, content.external_url = written.external_id, written.url[:600]
            content.scheduled_publish_at = None
            content.save(update_fields=["status", "site_status", "external_id", "external_url", "published_at",
                                        "scheduled_publish_at"])  # fmt: skip
            content_claim(content)
            record.status, record.error = PublishingRecord.Status.PUBLISHED, ""
            record.external_id, record.external_url, record.fields = (
                written.external_id,
                written.url,
                written.fields,
            )
            record.finished_at = timezone.now()
            record.save()
            written.agreed()
            return _finished(record, finish)
    except (LeaseLost, JobCancelled, Busy, OperationalError, InterfaceError):
        raise  # open: another execution, or the next try, goes on with the record
    except Exception as error:
        if record_id:
            _told_why(record_id, error)
        raise


def _check_publishable(content: Content, target: str) -> None:
    if content.origin == Content.Origin.WORDPRESS and target == Target.HOSTED:
        raise Conflict(f"“{content.title}” came from the site's WordPress, and is published there alone.")
    if content.status not in PUBLISHABLE:
        raise Conflict(f"Only approved content is published; “{content.title}” is {content.status}.")


def _told_why(record_id: int, error: Exception) -> None:
    """Ends the record as failed; one that may go later stays open, with its reason."""
    record = PublishingRecord.objects.filter(pk=record_id)
    sentence = error.message if isinstance(error, AppError) else "An internal error; the log knows more."
    if isinstance(error, TargetFailed) and not error.permanent:
        record.filter(status__in=OPEN).update(error=sentence)
        return
    with transaction.atomic():
        if isinstance(error, TakenOff):
            taken_off_note(*error.what)
        records_fail(records=record, error=sentence)


def is_draft(result: dict) -> bool:
    """Whether a result of `content_publish` is a draft that people of the site are to publish."""
    return result["fields"].get("status") == "changed"


def records_fail(*, records, error: str) -> None:
    """Ends open records of a queryset as failed, and with them their articles that are still being published. One that
    was tried before its time still goes out at its time."""
    with transaction.atomic():
        ids = list(records.filter(status__in=OPEN).values_list("content_id", flat=True))
        contents = Content.objects.select_for_update().filter(pk__in=ids).order_by("pk")
        contents = [c.pk for c in contents if c.site_status == Content.SiteStatus.PUBLISHING]
        records.filter(status__in=OPEN).update(
            status=PublishingRecord.Status.FAILED,
            error=error,
            next_try_at=None,
            finished_at=timezone.now(),
        )
        others = PublishingRecord.objects.filter(
            content_id__in=contents, status=PublishingRecord.Status.PUBLISHING
        )
        idle = Content.objects.filter(pk__in=contents).exclude(pk__in=others.values("content_id"))
        live = Q(status=Content.Status.PUBLISHED)  # an update that failed leaves what is out
        idle.filter(live).update(site_status=Content.SiteStatus.PUBLISHED)
        to_come = Q(status=Content.Status.APPROVED, scheduled_publish_at__gt=timezone.now())
        idle.exclude(live).filter(to_come).update(site_status=Content.SiteStatus.SCHEDULED)
        idle.exclude(live).exclude(to_come).update(site_status=Content.SiteStatus.FAILED)


def content_schedule(
    *, account_id: int, content_id: int, at: datetime | None = None, finish: Finish = None
) -> dict:
    """Schedules approved content for `at`, else for the next free slot of the site; a new time moves it.

    Asked for the time it has, or for any while it has one, nothing changes. Returns {"content_id", "site_status",
    "scheduled_publish_at"}. A given time is not held by the limits but counts. Raises NotFound, Conflict for
    content that is not approved and when no slot is free, Invalid for a time that is not ahead.
    """
    now = timezone.now()
    with transaction.atomic():
        content = _locked(account_id, content_id)
        if content.origin == Content.Origin.WORDPRESS:
            raise Conflict(f"“{content.title}” came from the site. Set its time there.")
        if content.status != Content.Status.APPROVED:
            raise Conflict(f"Only approved content is scheduled; “{content.title}” is {content.status}.")
        if content.site_status == Content.SiteStatus.PUBLISHING:
            raise Conflict("The article is being published right now.")
        if target_check(site=content.site, target=None) == Target.WORDPRESS:
            term_texts_check(Content.objects.filter(pk=content.pk))
        scheduled = content.site_status == Content.SiteStatus.SCHEDULED
        if not (scheduled and at in (None, content.scheduled_publish_at)):
            if at is None:
                at = _place(content, now)
            elif at <= now:
                raise Invalid(
                    "scheduled_publish_at",
                    "The time is not in the future. Choose a later one, or publish now.",
                )
            elif at > now + FURTHEST:
                raise Invalid(
                    "scheduled_publish_at", "The time is more than ten years ahead. Choose an earlier one."
                )
            content.scheduled_publish_at = at
            _set_site_status(content, Content.SiteStatus.SCHEDULED)
        return _schedule_state(content, finish)


def content_unschedule(*, account_id: int, content_id: int, finish: Finish = None) -> dict:
    """Takes an article off the schedule; one that is not on it stays as it is. Returns what `content_schedule` does.

    Raises NotFound, and Conflict for what is published or being published.
    """
    with transaction.atomic():
        content = _locked(account_id, content_id)
        if content.site_status == Content.SiteStatus.PUBLISHING:
            raise Conflict("The article is being published right now.")
        if content.status == Content.Status.PUBLISHED:
            raise Conflict("The article is published already, so there is nothing to take off the schedule.")
        if content.site_status != Content.SiteStatus.NOT_PUBLISHED or content.scheduled_publish_at:
            content.scheduled_publish_at = None
            _set_site_status(content, Content.SiteStatus.NOT_PUBLISHED)
        return _schedule_state(content, finish)


def _locked(account_id: int, content_id: int) -> Content:
    contents = Content.objects.select_for_update(of=("self",)).select_related("site")
    content = contents.filter(account_id=account_id, pk=content_id).first()
    if content is None:
        raise NotFound("The article does not exist any more.")
    return content


def _set_site_status(content: Content, site_status: str) -> None:
    content.site_status = site_status
    content.save(update_fields=["site_status", "scheduled_publish_at"])


def _place(content: Content, now: datetime) -> datetime:
    """The next free slot. The settings' row stays locked until the article has it, so that no two take the same."""
    settings = site_settings(site_id=content.site_id, account_id=content.account_id)
    settings = SiteSettings.objects.select_for_update().get(pk=settings.pk)
    zone = zone_of(content.site.timezone)
    placed = times_placed(site_id=content.site_id, zone=zone, now=now, but=[content.pk])
    return next_slot(settings=settings, zone=zone, now=now, placed=placed)


def _finished(record: PublishingRecord, finish: Finish) -> dict:
    result = {
        "record_id": record.pk,
        "external_id": record.external_id,
        "external_url": record.external_url,
        "fields": record.fields,
    }
    if finish:
        finish(result)
    return result


def _schedule_state(content: Content, finish: Finish) -> dict:
    state = {
        "content_id": content.pk,
        "site_status": content.site_status,
        "scheduled_publish_at": content.scheduled_publish_at,
    }
    if finish:
        finish(state)
    return state
