"""One account with a row of every kind: what a stranger must not see, count, change or name."""

import uuid
from dataclasses import dataclass, field

from django.db import models
from django.utils import timezone

from apps.accounts.models import ApiKey, Invitation, LimitCounter, SiteAccess, Subscription
from apps.automation.models import Run, RunItem, RunLog, RunStage
from apps.billing.models import (
    CreditBalance,
    CreditEntry,
    CreditHold,
    CreditLot,
    CreditUsage,
    Dispute,
    Invoice,
    InvoiceLine,
    Payment,
    PaymentMethod,
    StripeCustomer,
)
from apps.core.models import Job
from apps.integration.models import (
    SiteIntegration,
    SiteSettings,
    SiteStructure,
    SyncedPost,
    SyncRun,
    WebhookEvent,
)
from apps.intelligence.models import PromptVersion, ProviderSettings
from apps.linker.models import Link, LinkPass
from apps.notifications.models import Notification, NotificationPreference, WebhookDelivery, WebhookEndpoint
from apps.optimizer.models import Optimization
from apps.planner.models import ClaimedTopic, Cluster, ContentIdea, Keyword
from apps.publisher.models import HostedPage, PublishingRecord, SiteTheme, WordPressMedium, WordPressPost
from apps.system.models import AuthorProfile, ContentSettings
from apps.writer.models import Content, ContentVersion, DraftPart, Image, Task, Taxonomy
from tests.conftest import Actor, _actor

# Tenant models that no route shows and the walk needs no row of. Each with its reason.
MODELS_WITHOUT_ROUTE: dict[str, str] = {}


@dataclass
class World:
    actor: Actor
    secret: str
    rows: list[models.Model] = field(default_factory=list)

    def id_of(self, model: type[models.Model]):
        return next(row.pk for row in self.rows if isinstance(row, model))

    def snapshot(self) -> dict:
        """Every row of the account, as it stands in the database now."""
        return {
            (type(row)._meta.label, row.pk): type(row)._base_manager.filter(pk=row.pk).values().first()
            for row in self.rows
        }


def make_world(name: str) -> World:
    """An account whose every name holds `secret`."""
    actor = _actor(name)
    secret = f"secret-of-{name.lower()}"
    world = World(actor, secret)
    account, site, sector = actor.account, actor.site, actor.sector
    site.name = sector.name = account.name = secret
    site.save(), sector.save(), account.save()
    now = timezone.now()

    def add(kind, /, **fields):
        row = kind.objects.create(account=account, **fields)
        world.rows.append(row)
        return row

    world.rows += [site, sector, Subscription.objects.get(account=account), actor.user]
    add(Invitation, email=f"{secret}@example.com", expires_at=now + timezone.timedelta(days=7))
    add(SiteAccess, user=actor.user, site=site)
    add(ApiKey, site=site, name=secret, prefix=f"ig8_{uuid.uuid4().hex[:12]}", key_hash="0" * 64)
    add(LimitCounter, resource="content", period="2020-01-01", used=1)
    add(
        Job,
        kind="automation.run",
        payload={"run_id": 0},
        run_after=now,
        message=secret,
        state="failed",
        error=secret,
    )
    add(
        Notification,
        site=site,
        notification_type="system_info",
        severity="info",
        title=secret,
        message=secret,
    )
    add(NotificationPreference, user=actor.user, notification_type="system_info")
    add(CreditBalance, balance=1000, next_event_at=now + timezone.timedelta(days=20))
    add(CreditLot, kind="adjustment", amount=1000, remaining=1000, reference=secret)
    add(CreditEntry, amount=1000, balance_after=1000, kind="grant", reference=secret, note=secret)
    add(
        CreditHold, reference=secret, amount=1, operation="idea", expires_at=now + timezone.timedelta(hours=1)
    )
    add(CreditUsage, operation="idea", reference=secret, site=site, model=secret)
    invoice = add(
        Invoice,
        status="open",
        number=secret,
        reference=secret,
        currency="USD",
        subtotal=9,
        total=9,
        note=secret,
        issued_at=now,
        due_at=now,
    )
    add(InvoiceLine, invoice=invoice, kind="package", description=secret, unit_price=9, amount=9, credits=9)
    payment = add(Payment, invoice=invoice, method="manual", amount=9, currency="USD", reference=secret)
    add(Dispute, payment=payment, stripe_id=secret, state="open", amount=9, reason=secret)
    add(PaymentMethod, kind="card", stripe_id=secret, last4="4242")
    add(StripeCustomer, customer_id=secret)
    add(SiteSettings, site=site)
    add(ProviderSettings, kind="openai", api_key=f"key-{secret}", model=secret)
    add(PromptVersion, prompt_type="content", version=1, template=f"{{title}} {secret}")
    add(ContentSettings, key="publishing", values={"default_publish_status": secret})
    add(AuthorProfile, site=site, name=secret, bio=secret)
    integration = add(
        SiteIntegration,
        site=site,
        base_url=f"https://{secret}.example.com",
        username=secret,
        app_password=f"pass-{secret}",
    )
    cluster = add(Cluster, site=site, sector=sector, name=secret)
    keyword = add(Keyword, site=site, sector=sector, cluster=cluster, keyword=secret, key=secret)
    idea = add(ContentIdea, site=site, sector=sector, cluster=cluster, title=secret, primary_keyword=secret)
    idea.keywords.add(keyword)
    add(ClaimedTopic, site=site, source="idea", source_id=idea.pk, phrase=secret, key=secret, title=secret)
    task = add(Task, site=site, sector=sector, cluster=cluster, title=secret)
    add(DraftPart, task=task, key="0" * 64, function="content", data={"html": secret}, provider="offline")
    content = add(
        Content,
        site=site,
        sector=sector,
        cluster=cluster,
        task=task,
        title=secret,
        slug=secret,
        html=f"<p>{secret}</p>",
    )
    add(ContentVersion, content=content, number=1, title=secret, slug=secret, made_by=secret)
    add(SiteStructure, integration=integration, about={"name": secret}, post_types=[], taxonomies=[])
    add(SyncRun, site=site, integration=integration, state="failed", error=secret, job_id=uuid.uuid4())
    add(
        SyncedPost,
        site=site,
        integration=integration,
        post_type="posts",
        external_id=1,
        content=content,
        url=f"https://{secret}/a/",
        base={"title": secret},
        conflict={"fields": ["title"], "theirs": {"title": secret}, "raw": {}, "hashes": {}, "names": {"title": []},
                  "wanted": {}},
        conflict_at=now,
    )  # fmt: skip
    add(
        WebhookEvent,
        integration=integration,
        event_id=secret,
        event="post.changed",
        post_id=1,
        occurred_at=now,
        body={"url": secret},
    )
    add(Image, site=site, content=content, kind="featured", prompt=secret, alt=secret)
    add(
        Optimization,
        site=site,
        content=content,
        reference=secret,
        status="unchanged",
        reason=secret,
        version="1",
        score_before=1,
        score_after=1,
    )
    add(Taxonomy, site=site, name=secret, key=secret, slug=secret, description=secret, external_id="7")
    link_pass = add(LinkPass, site=site, content=content, reference=secret, hash_before="0", hash_after="1")
    add(
        Link,
        site=site,
        link_pass=link_pass,
        content=content,
        target=content,
        url=f"https://{secret}.example.com/",
        anchor=secret,
        opening="<a>",
        inner=secret,
        offset=3,
        keyword=secret,
        reason="keyword",
        score=1,
    )
    add(WordPressPost, site=site, place=secret, content=content, post_type="posts", external_id=1)
    add(
        WordPressMedium,
        site=site,
        place=secret,
        sha256="0" * 64,
        external_id=2,
        url=f"https://{secret}/a.png",
    )
    add(PublishingRecord, site=site, content=content, target="hosted", reference=secret)
    add(
        HostedPage,
        site=site,
        content=content,
        slug=secret,
        title=secret,
        html=secret,
        content_hash="0" * 64,
        published_at=now,
        updated_at=now,
    )
    add(SiteTheme, site=site, footer_text=secret)
    endpoint = add(
        WebhookEndpoint, url=f"https://{secret}.example.com/", name=secret, secret="whsec_c2hvd24gb25jZQ=="
    )
    add(
        WebhookDelivery,
        endpoint=endpoint,
        site=site,
        event_id=uuid.uuid4(),
        event="run.paused",
        body=secret,
        state="failed",
    )
    run = add(Run, site=site, status="paused", error_message=secret)
    add(RunStage, run=run, number=1)
    add(RunItem, run=run, stage=1, object_id=site.pk, error=secret)
    add(RunLog, run=run, message=secret)
    return world
