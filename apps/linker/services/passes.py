"""A pass over an article: links suggested, or put in."""

from collections.abc import Callable, Collection

from django.conf import settings
from django.db import transaction

from apps.billing.services.ledger import AlreadySettled, Usage, credits_settle
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import reserved
from apps.core.errors import Conflict, NotFound
from apps.intelligence.services import TextResult
from apps.linker.models import Link, LinkPass
from apps.linker.services.choosing import links_ask
from apps.linker.services.markup import Placed, html_hash, links_insert
from apps.linker.services.ranking import Candidate, Found, links_choose, links_find
from apps.linker.services.targets import Targets, targets_of
from apps.writer.models import Content
from apps.writer.services.versions import version_keep
from apps.writer.services.workflow import content_locked

Finish = Callable[[dict], None] | None


def links_suggest(
    *,
    account_id: int,
    content_id: int,
    max_links: int | None = None,
    target_ids: Collection[int] | None = None,
    targets: Targets | None = None,
) -> dict:
    """The links that a pass would put in, as `links_apply` tells them; nothing is stored and nothing costs.

    `max_links` is settings.LINKER_MAX_LINKS when None; `targets` are the site's when they are at hand. Raises NotFound.
    """
    content, found = _found(account_id, content_id, max_links, target_ids, targets)
    _, placed = links_insert(content.html, links_choose(found.candidates, found.allowed))
    return _told(content, [_shown(found, one) for one in placed], dry_run=True)


def links_apply(
    *,
    account_id: int,
    content_id: int,
    reference: str,
    max_links: int | None = None,
    target_ids: Collection[int] | None = None,
    use_model: bool = False,
    targets: Targets | None = None,
    user_id: int | None = None,
    finish: Finish = None,
) -> dict:
    """Puts links to other pages of the site into an article. Under a reference that is done it does nothing more.

    Returns {"content_id", "dry_run", "pass_id", "links", "credits"}; `pass_id` is None when nothing was put in, which
    costs nothing. `target_ids` narrows where they may lead. `finish` is called with it in the transaction that stores
    the text, its version, the pass and what it cost. What is published gets its links when it is published again.
    Raises NotFound, Conflict when the article was changed meanwhile, InsufficientCredits, UpstreamFailed.
    """
    if done := _done(account_id, reference, content_id):
        return _finished(done, finish)
    content, found = _found(account_id, content_id, max_links, target_ids, targets)
    chosen = links_choose(found.candidates, found.allowed)
    if not chosen:
        return _finished(_told(content, []), finish)
    try:
        with reserved(
            account_id=account_id,
            amount=price_of(operation="linking", items=1),
            operation="linking",
            reference=reference,
            user_id=user_id,
        ) as attempt:
            answer = None
            if use_model:
                chosen, answer = links_ask(content, found)
            html, placed = links_insert(content.html, chosen)
            with transaction.atomic():
                result = _store(content, found, html, placed, answer, reference, user_id)
                result["credits"] = credits_settle(
                    account_id=account_id,
                    reference=reference,
                    attempt=attempt,
                    used=_price(answer) if placed else 0,
                    usage=_usage(answer, content, user_id),
                )
                LinkPass.objects.filter(pk=result["pass_id"]).update(credits=result["credits"])
                return _finished(result, finish)
    except AlreadySettled:
        return _finished(_done(account_id, reference, content_id) or _told(content, []), finish)


def _found(
    account_id: int,
    content_id: int,
    max_links: int | None,
    target_ids: Collection[int] | None,
    targets: Targets | None,
) -> tuple[Content, Found]:
    content = Content.objects.select_related("site").filter(account_id=account_id, pk=content_id).first()
    if content is None:
        raise NotFound("The article does not exist any more.")
    found = links_find(
        content,
        targets or targets_of(account_id=account_id, site_id=content.site_id),
        base=content.external_url or f"https://{content.site.domain}/",
        most=settings.LINKER_MAX_LINKS if max_links is None else max_links,
        words_per_link=settings.LINKER_WORDS_PER_LINK,
        only=target_ids,
    )
    return content, found


def _store(
    seen: Content,
    found: Found,
    html: str,
    placed: list[Placed],
    answer: TextResult | None,
    reference: str,
    user_id: int | None,
) -> dict:
    content = content_locked(account_id=seen.account_id, content_id=seen.pk)
    if content.html != seen.html:
        raise Conflict("The article was changed while its links were looked for. Ask again.")
    if not placed:
        return _told(content, [])
    content.html = html
    content.save(update_fields=["html", "updated_at"])
    version_keep(
        content,
        by="linker",
        reason=f"{len(placed)} internal link{'' if len(placed) == 1 else 's'}",
        prompt_version=answer.prompt_version if answer else "",
    )
    done = LinkPass.objects.create(
        account_id=content.account_id,
        site_id=content.site_id,
        content=content,
        reference=reference,
        hash_before=html_hash(seen.html),
        hash_after=html_hash(html),
        model=f"{answer.provider}/{answer.model}"[:120] if answer else "",
        user_id=user_id,
    )
    # A page that was deleted while the model was asked is only a name by now.
    there = set(
        Content.objects.filter(pk__in=[one.candidate.target.pk for one in placed]).values_list(
            "pk", flat=True
        )
    )
    Link.objects.bulk_create(
        Link(
            account_id=content.account_id,
            site_id=content.site_id,
            link_pass=done,
            content=content,
            target_id=one.candidate.target.pk if one.candidate.target.pk in there else None,
            url=one.candidate.target.url,
            anchor=found.prose.shown(one.candidate.first, one.candidate.last),
            opening=one.opening,
            inner=one.inner,
            offset=one.offset,
            keyword=one.candidate.keyword[:500],
            reason=one.candidate.reason,
            score=one.candidate.score,
        )
        for one in placed
    )
    return _told(content, [_shown(found, one) for one in placed], pass_id=done.pk)


def _done(account_id: int, reference: str, content_id: int) -> dict | None:
    """What was told of the pass of this reference."""
    done = (
        LinkPass.objects.filter(account_id=account_id, reference=reference).select_related("content").first()
    )
    if done is None:
        return None
    if done.content_id != content_id:
        raise Conflict("This Idempotency-Key was used for another article. Use a new one.")
    links = [
        {
            "target_id": link.target_id,
            "target_title": link.target.title if link.target else "",
            "url": link.url,
            "anchor": link.anchor,
            "context": "",
            "offset": link.offset,
            "keyword": link.keyword,
            "reason": link.reason,
            "score": link.score,
        }
        for link in done.links.select_related("target")
    ]
    return _told(done.content, links, pass_id=done.pk, credits=done.credits)


def _told(
    content: Content,
    links: list[dict],
    *,
    dry_run: bool = False,
    pass_id: int | None = None,
    credits: int = 0,
) -> dict:
    return {
        "content_id": content.pk,
        "dry_run": dry_run,
        "pass_id": pass_id,
        "links": links,
        "credits": credits,
    }


def _shown(found: Found, one: Placed) -> dict:
    candidate: Candidate = one.candidate
    return {
        "target_id": candidate.target.pk,
        "target_title": candidate.target.title,
        "url": candidate.target.url,
        "anchor": found.prose.shown(candidate.first, candidate.last),
        "context": found.prose.around(candidate.first, candidate.last),
        "offset": one.offset,
        "keyword": candidate.keyword,
        "reason": candidate.reason,
        "score": candidate.score,
    }


def _price(answer: TextResult | None) -> int:
    if answer is None:
        return price_of(operation="linking", items=1)
    tokens = answer.tokens_in + answer.tokens_out
    return price_of(operation="linking", items=1, tokens=tokens, model=answer.model)


def _usage(answer: TextResult | None, content: Content, user_id: int | None) -> Usage:
    asked = {}
    if answer is not None:
        asked = {
            name: getattr(answer, name) for name in ("provider", "model", "tokens_in", "tokens_out", "cost")
        }
    return Usage(
        **asked, object_type="content", object_id=content.pk, site_id=content.site_id, user_id=user_id
    )


def _finished(result: dict, finish: Finish) -> dict:
    if finish:
        with transaction.atomic():
            finish(result)
    return result
