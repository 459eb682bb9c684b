"""What a WordPress tells us: stored as it came, once; looked into afterwards by asking WordPress how the post stands.

The order of events, their age and their repetition say nothing: the post itself is the truth.
"""

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.errors import Conflict, Forbidden
from apps.core.jobs import JobRun, job_start
from apps.integration.clients.wordpress import WordPress, WordPressError
from apps.integration.clients.wordpress.signing import EVENT, signature_of
from apps.integration.models import SiteIntegration, SyncedPost, WebhookEvent
from apps.integration.services.connections import wordpress_of
from apps.integration.services.structure import failure_of, post_types_of, structure_read
from apps.integration.services.sync.pages import Counts, page_take, posts_gone, posts_read
from apps.integration.services.sync.terms import TermNames
from apps.integration.services.sync.texts import PostType, remote_of

KIND = "integration.webhook"
SIGNED_FOR_SECONDS = 300
BATCH = 100


class BadSignature(Forbidden):
    """A signature that is there has to be right."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that tells of an event, as it came. `hosts`: the names that we go by."""

    timestamp: str
    nonce: str
    signature: str
    method: str
    hosts: Collection[str]
    path: str
    body: bytes


def signature_check(*, integration: SiteIntegration, signed: Signed, event_id: str) -> bool:
    """Whether an event is signed. None is no harm, the ApiKey has said who it is. Raises BadSignature for a wrong or
    an old one, and for one that was made for another event, address or host.

    The event is what the nonce names, and is stored once: who repeats a request changes nothing.
    """
    if not signed.signature and not signed.timestamp:
        return False
    stamp = signed.timestamp
    age = abs(timezone.now().timestamp() - int(stamp)) if stamp.isdecimal() and len(stamp) < 12 else None
    if age is None or age > SIGNED_FOR_SECONDS:
        raise BadSignature(
            "X-Igny8-Timestamp has to be the present Unix time; this one is older than five minutes or none. Set the "
            "clock of the server."
        )
    secret, given = integration.signing_secret, signed.signature.encode("utf-8", "replace")
    of_first = hmac.new(secret.encode(), f"{stamp}.".encode() + signed.body, hashlib.sha256).hexdigest()
    if hmac.compare_digest(f"sha256={of_first}".encode(), given):
        raise BadSignature(
            "This is a signature of Igny8 Bridge 1.0, which could be repeated elsewhere. Update the plugin in "
            "WordPress, under Plugins; what waits there is told then."
        )
    right = [
        signature_of(
            secret,
            word=EVENT,
            time=stamp,
            nonce=signed.nonce,
            method=signed.method,
            host=host,
            path=signed.path,
            body=signed.body,
        )
        for host in signed.hosts
    ]
    if not any(hmac.compare_digest(one.encode(), given) for one in right):
        raise BadSignature(
            "X-Igny8-Signature does not fit what was sent, and where. Connect the plugin anew: it gets the signing "
            "secret."
        )
    if signed.nonce != event_id:
        raise BadSignature("X-Igny8-Nonce has to be the event_id of the body.")
    return True


def event_store(*, integration: SiteIntegration, event: Mapping[str, Any], signed: bool) -> bool:
    """Keeps an event and sees that it is looked into. False for one that is here already. Raises Conflict for a
    connection that is switched off."""
    if not integration.is_active:
        raise Conflict("The connection is switched off, and hears of nothing. Turn on is_active.")
    row = WebhookEvent(
        account_id=integration.account_id,
        integration=integration,
        event_id=event["event_id"],
        event=event["event"],
        post_id=event["post_id"],
        occurred_at=event["occurred_at"],
        body={name: event[name] for name in ("content_key", "status", "url", "meta") if name in event},
        is_signed=signed,
    )
    with transaction.atomic():
        WebhookEvent.objects.bulk_create([row], ignore_conflicts=True)
        stored = WebhookEvent.objects.get(integration=integration, event_id=row.event_id)
        key = f"webhook:{stored.pk}"
        is_new = stored.state == WebhookEvent.State.PENDING
        if is_new:
            job_start(
                kind=KIND,
                account_id=integration.account_id,
                payload={"integration_id": integration.pk},
                idempotency_key=key,
                max_attempts=8,
            )
    return is_new


def events_handle(run: JobRun) -> dict:
    """Looks into all events of a connection that wait, whichever job's they are. Returns counts. Raises TemporaryError,
    WordPressFailed."""
    integration = SiteIntegration.objects.filter(pk=run.payload["integration_id"]).first()
    counts = Counts()
    if integration is None or not integration.is_active:
        return counts.values
    try:
        while True:
            waiting = WebhookEvent.objects.filter(integration=integration, state=WebhookEvent.State.PENDING)
            events = list(waiting.order_by("pk")[:BATCH])
            if not events:
                return counts.values
            with wordpress_of(integration) as site:
                _look(
                    run,
                    site,
                    integration,
                    sorted({e.post_id for e in events}),
                    counts,
                    f"event:{events[0].pk}",
                )
            WebhookEvent.objects.filter(pk__in=[e.pk for e in events]).update(
                state=WebhookEvent.State.DONE, handled_at=timezone.now(), error=""
            )
            counts.add("events", len(events))
    except WordPressError as error:
        raise failure_of(error) from error


def events_failed(*, integration_id: int, error: str) -> None:
    """Notes why events could not be looked into. The next sync of the site finds what they told of."""
    waiting = WebhookEvent.objects.filter(integration_id=integration_id, state=WebhookEvent.State.PENDING)
    waiting.update(state=WebhookEvent.State.FAILED, error=error, handled_at=timezone.now())


def _look(
    run: JobRun, site: WordPress, integration: SiteIntegration, ids: list[int], counts: Counts, key: str
) -> None:
    """How these posts stand now, of whatever type they are."""
    structure = getattr(integration, "structure", None) or structure_read(site, integration)
    kinds = post_types_of(structure, integration)
    known = SyncedPost.objects.filter(integration=integration, external_id__in=ids)
    kind_of = dict(known.values_list("external_id", "post_type"))
    unknown = [pk for pk in ids if pk not in kind_of]
    names = TermNames(site, integration.site_id)
    missing: dict[int, PostType] = {}

    def look(kind: PostType, asked: list[int]) -> set[int]:
        run.check()
        asked_at: datetime = timezone.now()
        rows, _ = posts_read(site, kind, ids=asked)
        _take(run, integration, kind, rows, names, asked_at, counts, f"{key}:{kind.name}")
        return {row["id"] for row in rows}

    for kind in kinds:
        mine = [pk for pk in ids if kind_of.get(pk) == kind.rest_base]
        if mine:
            there = look(kind, mine)
            missing |= {pk: kind for pk in mine if pk not in there}
    # Plug-ins make pages of posts: what is not where it was may be elsewhere.
    elsewhere = unknown + list(missing)
    for kind in kinds:
        if asked := [pk for pk in elsewhere if missing.get(pk) != kind]:
            there = look(kind, asked)
            elsewhere = [pk for pk in elsewhere if pk not in there]
    for kind in kinds:
        if gone := [pk for pk in elsewhere if missing.get(pk) == kind]:
            posts_gone(site, integration, kind, gone, counts, key=f"{key}:{kind.name}:gone")


def _take(
    run, integration, kind: PostType, rows, names: TermNames, asked_at, counts: Counts, key: str
) -> None:
    remotes = [remote_of(row, kind) for row in rows]
    names.load(remotes)
    with transaction.atomic():
        page_take(integration, remotes, names, asked_at, counts, key=key)
        run.check()
