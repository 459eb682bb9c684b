"""The images of an article: what they show, and having them made."""

import logging
from collections.abc import Callable

from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.accounts.services.limits import PlanLimitReached, limit_check, limit_take
from apps.billing.models import CreditHold
from apps.billing.services.ledger import (
    AlreadySettled,
    InsufficientCredits,
    credits_balance,
    credits_settle,
)
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import AppError, Conflict, NotFound
from apps.core.jobs import JobCancelled, LeaseLost
from apps.intelligence.services import UpstreamFailed, image_call, model_choose
from apps.writer.models import Content, Image
from apps.writer.services.html import headings
from apps.writer.services.image_prompts import (
    image_prompts_generate,
    images_wanted,
    not_ours_refused,
    usage_of,
)
from apps.writer.services.pictures import FULL, files_forget, picture_read, picture_store

log = logging.getLogger(__name__)
__all__ = [
    "AlreadyMade",
    "image_check",
    "image_delete",
    "image_file",
    "image_generate",
    "image_prompts_generate",
    "images_check",
]


class AlreadyMade(Conflict):
    """The image is there: somebody else made it and paid for it, or it was not asked for anew."""


def images_check(*, account_id: int, content: Content, in_article: int | None) -> None:
    """Whether the images that an article lacks may be made: Conflict, also where it has fewer than are asked for,
    InsufficientCredits, PlanLimitReached."""
    not_ours_refused(content)
    rows = list(Image.objects.filter(content=content).values_list("status", "kind"))
    missing = sum(status != Image.Status.GENERATED for status, _ in rows)
    if not rows:
        missing = 1 + images_wanted(content, in_article)
    elif not missing and in_article:
        there = sum(kind == Image.Kind.IN_ARTICLE for _, kind in rows)
        if images_wanted(content, in_article) > there:
            raise AlreadyMade(
                "The article has its images, and gets no more of them. Delete them all, then ask for new ones."
            )
    image_check(account_id=account_id, site_id=content.site_id, images=missing)


def image_check(*, account_id: int, site_id: int, images: int = 1) -> None:
    """Whether so many images of a site may be made: InsufficientCredits, PlanLimitReached."""
    if not images:
        return
    needed = _price(account_id, site_id, images=images)
    available = credits_balance(account_id=account_id)["available"]
    if needed > available:
        raise InsufficientCredits(needed, available)
    limit_check(account_id=account_id, resource="images")


def image_generate(
    *,
    account_id: int,
    image_id: int,
    reference: str,
    prompt: str | None = None,
    anew: bool = False,
    testing: bool = False,
    user_id: int | None = None,
    run_id: int | None = None,
    finish: Callable[[dict], None] | None = None,
) -> dict:
    """Has an image made; `anew` also in the place of an older one, which stays until the new one is stored.

    `prompt` replaces the stored one. Returns {"image_id", "credits"}. Under a reference that was stored
    before nothing is done, and `finish` is not called again. Raises NotFound, AlreadyMade, Conflict,
    InsufficientCredits, PlanLimitReached, UpstreamFailed, UnusablePicture.
    """
    image = Image.objects.select_related("content").filter(account_id=account_id, pk=image_id).first()
    if image is None:
        raise NotFound(f"Image {image_id} does not exist any more.")
    prompt = (prompt or image.prompt).strip()
    if not prompt:
        raise Conflict(f"Image {image_id} has no prompt. Write one, then generate it.")
    try:
        with reserved(
            account_id=account_id,
            amount=_price(account_id, image.site_id, images=1, testing=testing),
            operation="image",
            reference=reference,
            user_id=user_id,
        ) as attempt:
            return _make(image, prompt, reference, attempt, anew, testing, user_id, run_id, finish)
    except AlreadySettled:
        return _stored(account_id, image_id, reference)


def _make(
    image: Image,
    prompt: str,
    reference: str,
    attempt: int,
    anew: bool,
    testing: bool,
    user_id,
    run_id,
    finish,
) -> dict:
    account_id, image_id, names = image.account_id, image.pk, []
    try:
        _check_made(image, anew)
        limit_check(account_id=account_id, resource="images")
        answer = image_call(
            prompt=prompt,
            inputs={"title": _subject(image)},
            account_id=account_id,
            site_id=image.site_id,
            testing=testing,
        )
        picture = picture_read(answer.data)
        # Before the transaction: a row must never name a file that is not there.
        name, variants = picture_store(account_id=account_id, content_id=image.content_id, picture=picture)
        names = [name, *(row["file"] for row in variants)]
        with transaction.atomic():
            stored = Image.objects.select_for_update().filter(pk=image_id).first()
            if stored is None:
                raise Conflict(f"Image {image_id} was deleted while it was made.")
            # Another execution, or another job, may have stored it while this one waited for its picture.
            if _is_settled(account_id, reference):
                raise AlreadySettled(reference)
            _check_made(stored, anew)
            old = stored.files
            stored.file.name, stored.variants, stored.prompt = name, variants, prompt
            stored.mime, stored.sha256 = picture.mime, picture.sha256
            stored.width, stored.height = picture.width, picture.height
            stored.model = f"{answer.provider}/{answer.model}"[:120]
            stored.status, stored.error = Image.Status.GENERATED, ""
            stored.save()
            limit_take(account_id=account_id, resource="images")
            credits = credits_settle(
                account_id=account_id,
                reference=reference,
                attempt=attempt,
                used=price_of(
                    operation="image",
                    images=1,
                    tokens=answer.tokens_in + answer.tokens_out,
                    model=answer.model,
                ),
                usage=usage_of(answer, "image", image_id, stored.site_id, user_id, run_id),
            )
            result = {"image_id": image_id, "credits": credits}
            if finish:
                finish(result)
            if old:
                transaction.on_commit(lambda: files_forget(old))
        return result
    except BaseException as error:
        _forget_orphans(image_id, names)
        # Of another execution under the same reference, which works on it or has made it: it is its own.
        if not isinstance(error, LeaseLost | AlreadySettled):
            _give_up(image_id, error)
        raise


def image_file(image: Image, *, size: str | None, form: str | None) -> tuple[str, str]:
    """The name in the storage and the type of the file that fits: the smallest that is wide enough, else the full one.

    Raises NotFound for a format that was not made.
    """
    own = {
        "size": FULL,
        "format": image.mime.rpartition("/")[2],
        "width": image.width,
        "file": image.file.name,
    }
    wide = [row for row in (*image.variants, own) if size in (None, FULL) or row["size"] in (size, FULL)]
    fitting = [row for row in wide if form in (None, row["format"])]
    if not fitting:
        made = " and ".join(sorted({row["format"] for row in wide}))
        raise NotFound(f"The image was not made as {form} of this size. There is {made}.")
    if size in (None, FULL):
        fitting = [row for row in fitting if row["size"] == FULL] or fitting
        chosen = own if own in fitting else fitting[0]
    else:
        # Without a format what every program reads; of two the narrower one.
        chosen = min(fitting, key=lambda row: (row["width"] or 0, form is None and row["format"] == "webp"))
    return chosen["file"], f"image/{chosen['format']}"


def image_delete(*, account_id: int, image_id: int) -> None:
    """Deletes an image and its files."""
    with transaction.atomic():
        image = Image.objects.select_for_update().filter(account_id=account_id, pk=image_id).first()
        if image is None:
            raise NotFound("The image does not exist any more.")
        names = image.files
        image.delete()
        transaction.on_commit(lambda: files_forget(names))


def _check_made(image: Image, anew: bool) -> None:
    if image.status == Image.Status.GENERATED and not anew:
        raise AlreadyMade(f"Image {image.pk} is made already. Regenerate it to have another one.")


def _is_settled(account_id: int, reference: str) -> bool:
    return CreditHold.objects.filter(
        account_id=account_id, reference=reference, state=CreditHold.State.SETTLED
    ).exists()


def _stored(account_id: int, image_id: int, reference: str) -> dict:
    credits = credits_settle(account_id=account_id, reference=reference, used=0)
    return {"image_id": image_id, "credits": credits}


def _price(account_id: int, site_id: int, *, images: int, testing: bool = False) -> int:
    model = model_choose(kind="image", account_id=account_id, testing=testing, site_id=site_id).model
    return price_of(operation="image", images=images, model=model)


def _subject(image: Image) -> str:
    """What the image stands for: its heading, or the title."""
    if image.kind == Image.Kind.IN_ARTICLE:
        found = headings(image.content.html)
        if image.position < len(found) and found[image.position]:
            return found[image.position]
    return image.content.title


def _forget_orphans(image_id: int, names: list[str]) -> None:
    """Deletes the new files unless the row names it after all, as when the connection broke at the commit."""
    try:
        if names and not Image.objects.filter(pk=image_id, file=names[0]).exists():
            files_forget(names)
    except DatabaseError:
        log.warning("the files %s may be orphans", names, exc_info=True)


def _give_up(image_id: int, error: BaseException) -> None:
    """The image says why it failed; one that was there before stays, and stays good."""
    if isinstance(error, AlreadyMade | JobCancelled | PlanLimitReached) or not isinstance(error, Exception):
        return
    if isinstance(error, UpstreamFailed) and error.provider_down:
        return
    reason = error.message if isinstance(error, AppError) else "Something went wrong on our side. Try again."
    rows = Image.objects.filter(pk=image_id)
    rows.update(error=reason, updated_at=timezone.now())
    rows.filter(status=Image.Status.PENDING).update(status=Image.Status.FAILED)
