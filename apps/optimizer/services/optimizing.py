"""Having articles improved: paid for only when they became better, stored once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from apps.billing.services.ledger import AlreadySettled, Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import credits_check, reserved
from apps.core.errors import Conflict, NotFound
from apps.intelligence.services import TextResult, model_choose, text_call
from apps.optimizer.models import Optimization
from apps.optimizer.scoring import VERSION, Analysis
from apps.optimizer.services.analysis import article_of, pictures_of
from apps.optimizer.services.rewriting import Draft, Plan, difference, improved, inputs_of, plan_of
from apps.writer.models import Content, Image
from apps.writer.services.content import slug_of
from apps.writer.services.html import html_check_depth, images_named, words_count
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_locked

PUBLISHING = "The article is being published right now. Wait until that has ended, then optimize it."
EDITED = "The article was changed while the model worked on it. Your change was kept; optimize it again."
NOTHING_TO_DO = "No check asks for what a rewriting could mend."
NOT_BETTER = "Nothing that the model proposed raises the score, so the article stays as it is."


@dataclass
class Attempt:
    """An article under work: as it was, what was asked for, and what came of it."""

    content: Content
    reference: str
    draft: Draft
    before: Analysis
    plan: Plan
    better: Draft
    after: Analysis
    refused: list[dict] = field(default_factory=list)
    answer: TextResult | None = None
    credits: int = 0

    @property
    def rose(self) -> bool:
        # By points: scores are rounded.
        return self.after.points * self.before.most > self.before.points * self.after.most


def optimizing_check(*, account_id: int, content_ids: list[int]) -> None:
    """Whether all of the articles may be improved now. Raises Conflict, InsufficientCredits."""
    contents = Content.objects.filter(account_id=account_id, pk__in=content_ids)
    busy = contents.filter(site_status=Content.SiteStatus.PUBLISHING)
    if content_id := busy.order_by("pk").values_list("pk", flat=True).first():
        raise Conflict(f"Article {content_id}: {PUBLISHING}")
    sites = Counter(contents.values_list("site_id", flat=True))
    amount = sum(_price(account_id, site_id) * n for site_id, n in sites.items())
    credits_check(account_id=account_id, amount=amount, operation="optimization")


def content_optimize(
    *,
    account_id: int,
    content_id: int,
    reference: str,
    testing: bool = False,
    user_id: int | None = None,
    finish: Callable[[Optimization], None] | None = None,
) -> Optimization:
    """Has a model mend what failing checks asked for. The article is stored when its score rose, else left as it was.

    Only what raised the score is charged. Under a reference that was stored before nothing is done, and `finish` is
    not called again. Raises NotFound, Conflict for an article that is being published or was edited meanwhile,
    InsufficientCredits, UpstreamFailed, Invalid.
    """
    if done := Optimization.objects.filter(account_id=account_id, reference=reference).first():
        return done
    content = Content.objects.select_related("site").filter(account_id=account_id, pk=content_id).first()
    if content is None:
        raise NotFound(f"Article {content_id} does not exist any more.")
    if content.site_status == Content.SiteStatus.PUBLISHING:
        raise Conflict(PUBLISHING)
    html_check_depth(content.html)
    images = pictures_of(content)
    draft = _draft_of(content, images)
    before = draft.analyze()
    plan = plan_of(draft, before, slug_is_free=not _is_known_outside(content))
    attempt = Attempt(content, reference, draft, before, plan, draft, before)
    if not plan.problems:
        with transaction.atomic():
            return _keep(attempt, finish)
    try:
        with reserved(
            account_id=account_id,
            amount=_price(account_id, content.site_id, testing),
            operation="optimization",
            reference=reference,
            user_id=user_id,
        ) as number:
            answer = text_call(
                function="optimize",
                inputs=inputs_of(draft, plan, images),
                account_id=account_id,
                site_id=content.site_id,
                testing=testing,
            )
            attempt.answer = answer
            attempt.better, attempt.refused = improved(
                draft, plan, answer.data, taken_slugs=_taken_slugs(content, answer.data["slug"])
            )
            attempt.after = attempt.better.analyze()
            return _store(attempt, number, user_id, finish)
    except AlreadySettled:
        return Optimization.objects.get(account_id=account_id, reference=reference)


def _price(account_id: int, site_id: int, testing: bool = False) -> int:
    model = model_choose(kind="text", account_id=account_id, testing=testing, site_id=site_id).model
    return price_of(operation="optimization", items=1, model=model)


def _draft_of(content: Content, images: list[Image]) -> Draft:
    alts = {image.pk: image.alt for image in images}
    named = images_named(content.html)
    return Draft(article_of(content, alts), {pk: alt for pk, alt in alts.items() if pk not in named})


def _is_known_outside(content: Content) -> bool:
    """Whether its address may stand in somebody's links already, or is promised to a time."""
    return (
        content.status == Content.Status.PUBLISHED
        or bool(content.external_id or content.published_at)
        or content.site_status not in (Content.SiteStatus.NOT_PUBLISHED, Content.SiteStatus.FAILED)
    )


def _taken_slugs(content: Content, slug: str) -> set[str]:
    others = Content.objects.filter(site_id=content.site_id, slug__startswith=slug_of(slug)).exclude(
        pk=content.pk
    )
    return set(others.values_list("slug", flat=True))


def _store(
    attempt: Attempt, number: int, user_id: int | None, finish: Callable[[Optimization], None] | None
) -> Optimization:
    """The article, the credits, the attempt's row and the caller's own end of it: all or nothing."""
    content, answer = attempt.content, attempt.answer
    try:
        with transaction.atomic():
            locked = content_locked(account_id=content.account_id, content_id=content.pk)
            if locked.site_status == Content.SiteStatus.PUBLISHING:
                raise Conflict(PUBLISHING)
            alts = attempt.draft.alts
            images = list(Image.objects.select_for_update().filter(content=locked, pk__in=alts))
            if _written(locked) != _written(content) or {i.pk: i.alt for i in images} != alts:
                raise Conflict(EDITED)
            if attempt.rose:
                _change(attempt, locked, images)
            attempt.credits = credits_settle(
                account_id=content.account_id,
                reference=attempt.reference,
                attempt=number,
                used=_used(answer) if attempt.rose else 0,
                usage=Usage(
                    provider=answer.provider,
                    model=answer.model,
                    tokens_in=answer.tokens_in,
                    tokens_out=answer.tokens_out,
                    cost=answer.cost,
                    object_type="content",
                    object_id=content.pk,
                    site_id=content.site_id,
                    user_id=user_id,
                ),
            )
            return _keep(attempt, finish)
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", "") == "content_slug":
            raise Conflict("Another article took the slug meanwhile. Optimize the article again.") from None
        raise


def _used(answer: TextResult) -> int:
    tokens = answer.tokens_in + answer.tokens_out
    return price_of(operation="optimization", items=1, tokens=tokens, model=answer.model)


def _written(content: Content) -> tuple:
    """All of it that was judged: whoever changed one of these worked on it."""
    return (
        content.title, content.html, content.slug, content.meta_title, content.meta_description,
        content.primary_keyword,
    )  # fmt: skip


def _change(attempt: Attempt, content: Content, images: list[Image]) -> None:
    # What it was is kept too, where no version holds it yet.
    version_keep(content, by=content.model, reason="before it was optimized")
    article = attempt.better.article
    content.meta_title, content.meta_description = article.meta_title, article.meta_description
    content.slug, content.html = article.slug, article.html
    content.word_count = words_count(article.html)
    content.save(update_fields=["meta_title", "meta_description", "slug", "html", "word_count", "updated_at"])
    answer = attempt.answer
    version_keep(
        content,
        by=f"{answer.provider}/{answer.model}",
        reason=f"optimizer: score {attempt.before.score} to {attempt.after.score}",
        prompt_version=answer.prompt_version,
    )
    for image in images:
        if attempt.better.alts[image.pk] != image.alt:
            image.alt = attempt.better.alts[image.pk]
            image.save(update_fields=["alt", "updated_at"])


def _keep(attempt: Attempt, finish: Callable[[Optimization], None] | None) -> Optimization:
    content, answer = attempt.content, attempt.answer
    before, after = attempt.before, attempt.after
    old, new, diff = difference(attempt.draft, attempt.better)
    if attempt.rose:
        mended = [id for id in attempt.plan.asked if id not in after.failing()]
        reason = (
            f"The score rose from {before.score} to {after.score}. Mended: {', '.join(mended) or 'in part'}."
        )
    else:
        reason = NOT_BETTER if answer else NOTHING_TO_DO
    row = Optimization.objects.create(
        account_id=content.account_id,
        site_id=content.site_id,
        content_id=content.pk,
        reference=attempt.reference,
        status=Optimization.Status.IMPROVED if attempt.rose else Optimization.Status.UNCHANGED,
        reason=reason,
        version=VERSION,
        score_before=before.score,
        score_after=after.score,
        asked=attempt.plan.asked,
        before=old,
        after=new,
        diff=diff,
        refused=attempt.refused[:100],
        model=f"{answer.provider}/{answer.model}"[:120] if answer else "",
        credits=attempt.credits,
    )
    if finish:
        finish(row)
    return row
