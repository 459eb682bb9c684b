"""What the images of an article show: asked of a model, stored as images that wait to be made."""

from collections.abc import Callable

from django.db import transaction

from apps.accounts.models import Site
from apps.billing.services.ledger import AlreadySettled, Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import Conflict, NotFound
from apps.intelligence.services import ImageResult, TextResult, text_call
from apps.writer.models import Content, Image
from apps.writer.services.html import cut, headings
from apps.writer.services.workflow import content_locked

STYLE = "photorealistic"
MAX_IMAGES = 4
ALT_LENGTH = 125


def image_prompts_generate(
    *,
    account_id: int,
    content_id: int,
    reference: str,
    in_article: int | None = None,
    style: str | None = None,
    max_images: int | None = None,
    testing: bool = False,
    user_id: int | None = None,
    run_id: int | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Describes the images of an article: one featured, and `in_article` below its headings.

    Without `in_article`: as many as it has headings, but at most `max_images` in all. `style` and
    `max_images` are the site's when None. An article that has images keeps them. Returns {"image_ids", "credits"}.
    Raises NotFound, Conflict for a post of the site's own, InsufficientCredits, UpstreamFailed.
    """
    content = Content.objects.select_related("site").filter(account_id=account_id, pk=content_id).first()
    if content is None:
        raise NotFound("The article does not exist any more.")
    not_ours_refused(content)
    if _ids(content_id):
        return _store_prompts(content, [], None, finish)
    count = images_wanted(content, in_article, max_images)
    try:
        with reserved(
            account_id=account_id,
            amount=price_of(operation="image_prompt", items=1 + count, images=1 + count),
            operation="image_prompt",
            reference=reference,
            user_id=user_id,
        ) as attempt:
            inputs = {
                "title": content.title,
                "headings": headings(content.html),
                "primary_keyword": content.primary_keyword or content.title,
                "style": style or _site_settings(content.site_id)[0],
                "count": count,
            }
            answer = text_call(
                function="image_prompts",
                inputs=inputs,
                account_id=account_id,
                site_id=content.site_id,
                testing=testing,
            )
            images = _images_of(content, answer, count, len(inputs["headings"]))

            def settle(stored: list[Image]) -> int:
                return credits_settle(
                    account_id=account_id,
                    reference=reference,
                    attempt=attempt,
                    used=price_of(
                        operation="image_prompt",
                        items=len(stored),
                        images=len(stored),
                        tokens=answer.tokens_in + answer.tokens_out,
                        model=answer.model,
                    )
                    if stored
                    else 0,
                    usage=usage_of(answer, "content", content.pk, content.site_id, user_id, run_id),
                )

            return _store_prompts(content, images, settle, finish)
    except AlreadySettled:
        return {
            "image_ids": _ids(content_id),
            "credits": credits_settle(account_id=account_id, reference=reference, used=0),
        }


def not_ours_refused(content: Content) -> None:
    """Raises Conflict for what sync brought in: its images are those that it has at its site."""
    if content.origin == Content.Origin.WORDPRESS:
        raise Conflict(f"“{content.title}” came from the site. Give it its images there.")


def images_wanted(content: Content, in_article: int | None, max_images: int | None = None) -> int:
    """How many images stand below headings, of which there may be fewer: `in_article`, else what `max_images`
    (the site's when None) leaves beside the featured one."""
    if max_images is None:
        max_images = _site_settings(content.site_id)[1]
    most = len(headings(content.html))
    return min(most, max(0, max_images - 1) if in_article is None else in_article)


def _site_settings(site_id: int) -> tuple[str, int]:
    """(style, max_images) of the site, by the relation alone: its settings belong to an app above this one."""
    style, most = Site.objects.values_list("settings__image_style", "settings__max_images").get(pk=site_id)
    return style or STYLE, MAX_IMAGES if most is None else most


def _ids(content_id: int) -> list[int]:
    return list(Image.objects.filter(content_id=content_id).values_list("pk", flat=True))


def _images_of(content: Content, answer: TextResult, count: int, places: int) -> list[Image]:
    """The unsaved images of an answer: one featured, and one at most below each of the headings there are."""
    common = {"account_id": content.account_id, "site_id": content.site_id, "content_id": content.pk}
    featured = answer.data["featured"]
    images = [
        Image(
            kind=Image.Kind.FEATURED,
            prompt=featured["prompt"],
            alt=cut(featured["alt"], ALT_LENGTH),
            caption=cut(featured["caption"], 300),
            **common,
        )
    ]
    below: dict[int, Image] = {}
    for row in answer.data["in_article"]:
        if row["position"] < places and len(below) < count:
            below.setdefault(
                row["position"],
                Image(
                    kind=Image.Kind.IN_ARTICLE,
                    position=row["position"],
                    prompt=row["prompt"],
                    alt=cut(row["alt"], ALT_LENGTH),
                    **common,
                ),
            )
    return images + list(below.values())


def _store_prompts(
    content: Content,
    images: list[Image],
    settle: Callable[[list[Image]], int] | None,
    finish: Callable[[dict], None] | None,
) -> dict:
    with transaction.atomic():
        content = content_locked(account_id=content.account_id, content_id=content.pk)
        if _ids(content.pk):
            images = []  # another call was faster: what it stored stays, and this one costs nothing
        Image.objects.bulk_create(images)
        if not content.images_planned:
            content.images_planned = True
            content.save(update_fields=["images_planned", "updated_at"])
        result = {"image_ids": _ids(content.pk), "credits": settle(images) if settle else 0}
        if finish:
            finish(result)
    return result


def usage_of(
    answer: TextResult | ImageResult,
    kind: str,
    pk: int,
    site_id: int,
    user_id: int | None,
    run_id: int | None,
) -> Usage:
    """What a call used, for the ledger."""
    return Usage(
        provider=answer.provider,
        model=answer.model,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=answer.cost,
        object_type=kind,
        object_id=pk,
        site_id=site_id,
        user_id=user_id,
        run_id=run_id,
    )
