"""Sources: made, changed, activated out of the backlog, switched on and off."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.http import AddressRefused, check_url
from apps.core.internal import Unprocessable
from apps.parsing.addresses import normalised
from apps.parsing.models import Source, SourceRun

_ACTIVATIONS_LOCK = 7_140_031  # names the advisory lock


def source_address(url: str) -> str:
    """The normalised address of a source. Raises Unprocessable where it may not be crawled."""
    try:
        url = normalised(url)
        check_url(url)
    except (ValueError, AddressRefused) as error:
        raise Unprocessable({"url": [str(error)]}) from None
    return url


def source_get(source_id: int) -> Source:
    source = Source.objects.filter(pk=source_id).first()
    if source is None:
        raise NotFound(f"There is no source {source_id}.")
    return source


def source_upsert(*, fields: dict) -> tuple[Source, bool]:
    """Makes the source of the address, or changes what is given of it. (source, whether it is new)."""
    url = source_address(fields["url"])
    values = {k: v for k, v in fields.items() if k != "url"}
    with transaction.atomic():
        source = Source.objects.select_for_update(no_key=True).filter(url=url).first()
        if source is None:
            try:
                with transaction.atomic():
                    source = Source(url=url, **{"next_sync_at": timezone.now(), **values})
                    if not source.is_active:
                        source.status = Source.Status.DISABLED
                    source.save(force_insert=True)
                    return source, True
            except IntegrityError:  # somebody else made it meanwhile
                source = Source.objects.select_for_update(no_key=True).get(url=url)
        return _change(source, values), False


def source_change(*, source_id: int, fields: dict) -> Source:
    with transaction.atomic():
        return _change(source_locked(source_id), fields)


def source_toggle(*, source_id: int, is_active: bool) -> Source:
    """Switches the schedule of a source on or off; the state that it has already is left alone."""
    return source_change(source_id=source_id, fields={"is_active": is_active})


def source_locked(source_id: int) -> Source:
    """The source, locked until the transaction ends. Before its runs, always.

    Its key is not locked: a batch that is about to end looks at the keys of the sources that its rows name, and
    whoever waits for that batch here would have it wait in turn.
    """
    source = Source.objects.select_for_update(no_key=True).filter(pk=source_id).first()
    if source is None:
        raise NotFound(f"There is no source {source_id}.")
    return source


def statuses_mend() -> int:
    """Sources whose status says something else than their runs are set right; returns how many.

    A batch looks at its run before it stores a thing and says at its end that the source is crawled. The run may be
    over, or given back, by then; the source would never be due again.
    """
    state = Source.Status
    said = Q(status__in=(state.QUEUED, state.RUNNING))
    run = SourceRun.objects.filter(source=OuterRef("pk"), status__in=SourceRun.OPEN).values("status")[:1]
    wrong = (
        Source.objects.filter(said).annotate(run=Subquery(run)).exclude(status=F("run"), run__isnull=False)
    )
    begun = SourceRun.objects.filter(
        status__in=SourceRun.OPEN, source__status__in=(state.WAITING, state.ERROR)
    )
    ids = {*wrong.values_list("pk", flat=True), *begun.values_list("source_id", flat=True)}
    for pk in ids:
        with transaction.atomic():
            source = source_locked(pk)
            run = source.runs.filter(status__in=SourceRun.OPEN).first()
            source.status = run.status if run else source.status_at_rest
            source.save(update_fields=["status", "updated_at"])
    return len(ids)


def _change(source: Source, fields: dict) -> Source:
    active = fields.pop("is_active", source.is_active)
    interval = fields.get("refresh_interval_hours", source.refresh_interval_hours)
    if interval != source.refresh_interval_hours and source.last_synced_at and "next_sync_at" not in fields:
        source.next_sync_at = source.last_synced_at + timedelta(hours=interval)
    for name, value in fields.items():
        setattr(source, name, value)
    if active and not source.is_active:
        _switch_on(source)
    elif not active and source.is_active:
        _switch_off(source)
    source.save()
    return source


def _switch_on(source: Source) -> None:
    if source.status == Source.Status.DISCOVERED:
        source.activated_at = timezone.now()
    if source.status not in (Source.Status.QUEUED, Source.Status.RUNNING):
        source.status = Source.Status.WAITING
        source.next_sync_at = timezone.now()
    source.is_active, source.failures, source.error_message = True, 0, ""


def _switch_off(source: Source) -> None:
    """A crawl that runs comes to its end; one that nobody has begun is dropped."""
    source.is_active = False
    SourceRun.objects.filter(source=source, status=SourceRun.Status.QUEUED).update(
        status=SourceRun.Status.ERROR,
        error_message="The source was switched off before anybody took the task.",
        finished_at=timezone.now(),
    )
    if source.status != Source.Status.RUNNING:
        source.status = Source.Status.DISABLED


def activations_left() -> int:
    """How many sources may leave the backlog today (UTC)."""
    return max(0, settings.PARSING_ACTIVATIONS_PER_DAY - activations_today())


def activations_today() -> int:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Source.objects.filter(activated_at__gte=today).count()


def backlog_activate(*, source_ids: list[int]) -> dict:
    """Puts discovered sources onto the schedule: {"activated": [ids], "skipped": [{"id", "reason"}]}.

    In the order given, as far as the day's quota goes.
    """
    skipped = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            # One at a time, or two would spend the same quota.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ACTIVATIONS_LOCK])
        locked = Source.objects.filter(pk__in=source_ids).order_by("pk").select_for_update(no_key=True)
        found = {source.pk: source for source in locked}
        left = activations_left()
        activated = []
        for pk in source_ids:
            source = found.get(pk)
            if source is None:
                skipped.append({"id": pk, "reason": "There is no such source."})
            elif source.status != Source.Status.DISCOVERED:
                skipped.append(
                    {"id": pk, "reason": f"It is not in the backlog: its status is {source.status}."}
                )
            elif len(activated) >= left:
                quota = settings.PARSING_ACTIVATIONS_PER_DAY
                skipped.append({"id": pk, "reason": f"Today's quota of {quota} activations is used up."})
            else:
                activated.append(pk)
        now = timezone.now()
        Source.objects.filter(pk__in=activated).update(
            status=Source.Status.WAITING, is_active=True, activated_at=now, next_sync_at=now
        )
    return {"activated": activated, "skipped": skipped}
