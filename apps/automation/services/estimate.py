"""What a run would do and cost if it began now: by what waits, the prices that hold, and what runs used before."""

from datetime import timedelta

from django.db.models import Avg, Count, Max
from django.utils import timezone

from apps.automation.models import RunItem
from apps.automation.services.costs import item_price, share_of
from apps.automation.services.overview import stage_counts
from apps.automation.services.stages import STAGES
from apps.billing.models import CreditPriceChange
from apps.billing.services.ledger import credits_balance
from apps.integration.models import SiteSettings
from apps.planner.models import Cluster, Keyword
from apps.writer.models import Image, Task

LOOK_BACK = timedelta(days=90)
# From how many items of the past on their mean counts more than the price list, and from how many it is sure.
SOME, MANY = 5, 30
# Where a site has no clusters yet: what files of keywords usually give.
CLUSTERS_PER_KEYWORD = 0.3
CONFIDENCE = ("low", "medium", "high")


def run_estimate(*, settings: SiteSettings) -> dict:
    """Items and credits by stage, with what they rest on. A fixed number of queries."""
    waiting = {row["number"]: row for row in stage_counts(settings=settings)}
    past = _past(settings)
    words = Task.objects.waiting().filter(site_id=settings.site_id).aggregate(n=Avg("word_count"))["n"]
    ratios = _ratios(settings)
    stages, made = [], 0
    for stage in STAGES:
        row = waiting.get(stage.number)  # None: the module is off
        number, config = stage.number, settings.stage(stage.number)
        on = bool(row and row["enabled"]) and not (number == 7 and not settings.auto_approval_enabled)
        there = row["waiting"] if row else 0
        items = there + made if on else 0
        if config["per_run_limit"]:
            items = min(items, config["per_run_limit"])
        price = item_price(
            stage=number, settings=settings, keywords=items if number == 1 else 0, words=int(words or 0)
        )
        samples, mean = past.get(number, (0, 0.0))
        used = samples >= SOME and number != 1
        each = (price / items if items else 0.0) if number == 1 else mean if used else float(price)
        credits = round(each * items)
        if settings.credits_limit and each and credits > (share := share_of(settings=settings, stage=number)):
            items = int(share // each)
            credits = round(each * items)
        stages.append(
            {
                "number": number,
                "name": stage.name,
                "enabled": on,
                "waiting": there,
                "items": items,
                "credits_per_item": round(each, 2),
                "credits": credits,
                "basis": "usage" if used else "price",
                "samples": samples,
                "confidence": _confidence(number, samples, items, there, bool(price)),
            }
        )
        made = round(items * ratios.get(number, 1.0))
        if number == 6:  # what has its images, or needs none, is what stage 7 looks at
            made = stages[4]["items"] if stages[5]["enabled"] or not settings.max_images else 0
    total = sum(row["credits"] for row in stages)
    if settings.credits_limit:
        total = min(total, settings.credits_limit)
    available = credits_balance(account_id=settings.account_id)["available"]
    sure = [CONFIDENCE.index(row["confidence"]) for row in stages if row["items"]]
    return {
        "site": settings.site_id,
        "stages": stages,
        "total_items": sum(row["items"] for row in stages),
        "total_credits": total,
        "credits_limit": settings.credits_limit,
        "available_credits": available,
        "enough": total <= available,
        "confidence": CONFIDENCE[min(sure, default=len(CONFIDENCE) - 1)],
    }


def _past(settings: SiteSettings) -> dict[int, tuple[int, float]]:
    """By stage: how many items the site's runs did in 90 days, since prices changed, and their mean credits."""
    changed = CreditPriceChange.objects.aggregate(at=Max("created_at"))["at"]
    since = timezone.now() - LOOK_BACK
    rows = RunItem.objects.filter(
        run__site_id=settings.site_id,
        state=RunItem.State.DONE,
        finished_at__gt=max(since, changed) if changed else since,
    )
    found = rows.order_by().values("stage").annotate(n=Count("pk"), mean=Avg("credits"))
    return {row["stage"]: (row["n"], float(row["mean"])) for row in found}


def _ratios(settings: SiteSettings) -> dict[int, float]:
    """By stage: how much of the next one's an item makes."""
    site = settings.site_id
    clusters = Cluster.objects.filter(site_id=site, is_hub=False).count()
    clustered = Keyword.objects.filter(site_id=site, cluster__isnull=False).count()
    images = Image.objects.filter(site_id=site).aggregate(
        n=Count("pk"), contents=Count("content", distinct=True)
    )
    per_article = images["n"] / images["contents"] if images["contents"] else settings.max_images
    return {1: clusters / clustered if clustered and clusters else CLUSTERS_PER_KEYWORD, 5: per_article}


def _confidence(number: int, samples: int, items: int, waiting: int, paid: bool) -> str:
    """High: what waits is there already, or many were done before; and the price is known or was paid often."""
    if not items:
        return "high"
    known = items <= waiting
    if samples >= MANY or (known and (not paid or number in (1, 2, 6))):
        return "high"
    return "medium" if samples >= SOME or known else "low"
