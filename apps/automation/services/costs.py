"""What an item of a stage costs by the prices that hold, and how far a run's limit of credits reaches."""

from dataclasses import dataclass

from django.db.models import Avg, Q, Sum

from apps.automation.models import Run, RunItem
from apps.automation.services.stages import Stage
from apps.billing.services.prices import price_of
from apps.integration.models import SiteSettings
from apps.intelligence.services import model_choose
from apps.planner.models import Keyword
from apps.system.services.content_settings import content_settings
from apps.writer.models import Task


def item_price(*, stage: int, settings: SiteSettings, keywords: int = 0, words: int = 0) -> int:
    """Credits for one item. Stage 1 has one, of `keywords`; an article has `words`, else the account's length."""
    config = settings.stage(stage)

    def model(kind: str) -> str:
        return model_choose(
            kind=kind,
            account_id=settings.account_id,
            site_id=settings.site_id,
            testing=config["use_testing"],
        ).model

    if stage == 1:
        return price_of(operation="clustering", items=keywords)
    if stage == 2:
        return price_of(operation="idea", items=1)
    if stage == 4:
        length = content_settings(account_id=settings.account_id, key="content_generation")
        words = words or length["default_article_length"]
        return price_of(operation="content", words=words, model=model("text"))
    if stage == 5:
        images = max(1, settings.max_images)
        return price_of(operation="image_prompt", items=images, images=images)
    if stage == 6:
        return price_of(operation="image", images=1, model=model("image"))
    return 0


def share_of(*, settings: SiteSettings, stage: int) -> int:
    """What the stage may spend of the run's limit. `budget_pct` 0: all of it."""
    percent = settings.stage(stage)["budget_pct"]
    return settings.credits_limit * percent // 100 if percent else settings.credits_limit


@dataclass(slots=True)
class Budget:
    """How many more items of a stage the run's limit and the stage's share pay for, by estimate."""

    run: Run
    stage: Stage
    limit: int
    share: int
    price: int
    run_is_spent: bool = False

    @classmethod
    def of(cls, run: Run, stage: Stage, settings: SiteSettings) -> "Budget":
        if not settings.credits_limit:
            return cls(run, stage, 0, 0, 0)
        keywords = words = 0
        if stage.number == 1:
            keywords = Keyword.objects.filter(site_id=run.site_id, status=Keyword.Status.NEW).count()
            keywords = min(keywords, settings.stage(1)["per_run_limit"] or keywords)
        elif stage.number == 4:
            ids = RunItem.objects.filter(run=run, stage=4).values("object_id")
            words = int(Task.objects.filter(pk__in=ids).aggregate(n=Avg("word_count"))["n"] or 0)
        return cls(
            run,
            stage,
            settings.credits_limit,
            share_of(settings=settings, stage=stage.number),
            item_price(stage=stage.number, settings=settings, keywords=keywords, words=words),
        )

    def room(self, in_hand: int) -> int | None:
        """How many more may be begun beside those in hand; None: as many as there are."""
        if not self.limit or not self.price:
            return None
        spent = RunItem.objects.filter(run=self.run).aggregate(
            run=Sum("credits"), stage=Sum("credits", filter=Q(stage=self.stage.number))
        )
        of_run, of_stage = self.limit - (spent["run"] or 0), self.share - (spent["stage"] or 0)
        self.run_is_spent = of_run < self.price
        return max(0, min(of_run, of_stage) // self.price - in_hand)

    @property
    def sentence(self) -> str:
        if self.run_is_spent:
            return (
                f"The run’s limit of {self.limit:,} credits does not pay for another item of the stage "
                f"“{self.stage.name}” ({self.price:,} credits). Raise the limit, and resume the run."
            )
        return (
            f"The stage “{self.stage.name}” has spent its share of {self.share:,} of the run’s {self.limit:,} credits: "
            f"the next item costs {self.price:,}."
        )
