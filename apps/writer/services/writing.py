"""Asking a model for the article of a task: whole, or section by section where it is long, so that none is cut.

What was answered is kept as parts (`DraftPart`) until the article is stored: who begins again after a crash asks
only for what is missing. No transaction is open meanwhile.
"""

import contextlib
import re
from collections.abc import Callable
from decimal import Decimal
from html import escape

from django.db import IntegrityError
from django.db.models import Case, IntegerField, Value, When

from apps.core.errors import AppError
from apps.intelligence.services import TextResult, text_ask, text_question
from apps.system.services.authors import author_of
from apps.system.services.content_settings import content_settings
from apps.writer.models import Content, DraftPart, Task
from apps.writer.services.html import html_clean, text_of, words_count
from apps.writer.services.links import links_said

MAX_KEYWORDS = 200
MAX_LINKS = 10
# From so many words on an article is written section by section: fewer fit into one answer of every model.
LONG = 1500
SECTION_WORDS = 350
MAX_SECTIONS = 40
QUESTIONS = 6
BEFORE = 800
_KEPT = ("data", "provider", "model", "tokens_in", "tokens_out", "cost", "prompt_version")
_HEADING = re.compile(r"<(/?)h([23])(?=[\s>])")
_FIRST_HEADING = re.compile(r"\A\s*<h[34][^>]*>(.*?)</h[34]>", re.DOTALL)


class UnusableAnswer(AppError):
    """The model answered in the right form, but there is no article in it."""

    status = 502
    code = "UPSTREAM_ERROR"


def writing_inputs(task: Task) -> dict:
    """What a model is told of an article: its task, and the settings of its site and account."""
    keywords = list(
        task.keywords.order_by("-volume", "id").values("keyword", "volume", "intent")[:MAX_KEYWORDS]
    )
    planned = task.idea.primary_keyword if task.idea else ""
    author = author_of(account_id=task.account_id, site_id=task.site_id)
    wanted = content_settings(account_id=task.account_id, key="content_generation")
    return {
        "title": task.title,
        "structure": task.structure,
        "content_type": task.content_type,
        "primary_keyword": planned or (keywords[0]["keyword"] if keywords else task.title),
        "keywords": keywords,
        "outline": task.outline,
        "word_count": task.word_count,
        "tone": (author and author.tone) or wanted["default_tone"],
        "language": task.site.language,
        "include_faq": wanted["include_faq"],
        "site_name": task.site.name,
        "sector": task.sector.name if task.sector else "",
        "author": author.voice if author else "",
        "notes": task.description,
        "links": _pages(task) if wanted["enable_internal_linking"] else [],
    }


def links_given(task: Task, inputs: dict) -> set[str]:
    """The addresses that the article may link to: pages of the site, and what its editor wrote into the task."""
    points = [point for row in task.outline for point in [row.get("heading", ""), *row.get("points", [])]]
    return {link["url"] for link in inputs["links"]} | links_said("\n".join([task.description, *points]))


def article_write(
    *, task: Task, inputs: dict, testing: bool, before_each: Callable[[], None] = lambda: None
) -> TextResult:
    """The whole article as an answer of the function `content`, with what all of its questions cost.

    `before_each` is called before each question, and may raise. Raises UpstreamFailed, PromptOutdated,
    UnusableAnswer.
    """
    answers: list[TextResult] = []

    def ask(function: str, **more) -> dict:
        before_each()
        answers.append(_ask(task, function, {**inputs, **more}, testing))
        return answers[-1].data

    data = ask("content") if task.word_count < LONG else _in_sections(task, ask, inputs["include_faq"])
    last = answers[-1]
    return TextResult(
        data=data,
        provider=last.provider,
        model=last.model,
        tokens_in=sum(answer.tokens_in for answer in answers),
        tokens_out=sum(answer.tokens_out for answer in answers),
        cost=sum((answer.cost for answer in answers), Decimal(0)),
        is_offline=last.is_offline,
        prompt_version=last.prompt_version,
    )


def _in_sections(task: Task, ask: Callable[..., dict], include_faq: bool) -> dict:
    """Outline, sections in their order, frame: one question each."""
    count = max(3, min(MAX_SECTIONS, round(task.word_count / SECTION_WORDS)))
    outline = task.outline or ask("content_outline", sections=count)["outline"][:MAX_SECTIONS]
    outline = [row for row in outline if row["heading"].strip()]
    texts: list[str] = []
    for place, row in enumerate(outline, start=1):
        answer = ask(
            "content_section",
            outline=outline,
            place=place,
            sections=len(outline),
            heading=row["heading"],
            points=row.get("points", []),
            section_words=max(100, round(task.word_count / (len(outline) + 1))),
            before=text_of(texts[-1])[-BEFORE:] if texts else "",
        )
        texts.append(_section(answer["html"], row["heading"]))
    beginnings = [
        f"{row['heading']}: {text_of(text)[:200]}" for row, text in zip(outline, texts, strict=True)
    ]
    frame = ask("content_frame", outline=outline, written=beginnings, questions=QUESTIONS)
    parts = [_section(frame["introduction"], "")]
    for row, text in zip(outline, texts, strict=True):
        parts += [f"<h2>{escape(row['heading'], quote=False)}</h2>", text]
    parts += _faq(frame) if include_faq else []
    return {**frame, "html": "\n".join(parts)}


def _ask(task: Task, function: str, inputs: dict, testing: bool) -> TextResult:
    question = text_question(
        function=function, inputs=inputs, account_id=task.account_id, site_id=task.site_id, testing=testing
    )
    kept = DraftPart.objects.filter(task_id=task.pk, key=question.key).first()
    if kept is not None:
        told = {name: getattr(kept, name) for name in _KEPT}
        return TextResult(**told, is_offline=kept.provider == "offline")
    answer = text_ask(question)
    _check(function, answer.data)
    told = {name: getattr(answer, name) for name in _KEPT}
    part = DraftPart(account_id=task.account_id, task=task, key=question.key, function=function, **told)
    # A second execution may have asked the same meanwhile; a task that was deleted is told of where it is stored.
    with contextlib.suppress(IntegrityError):
        DraftPart.objects.bulk_create([part], ignore_conflicts=True)
    return answer


def _check(function: str, data: dict) -> None:
    """Raises UnusableAnswer for what has the right form and says nothing."""
    if function == "content_outline":
        if not any(row["heading"].strip() for row in data["outline"]):
            raise UnusableAnswer(
                "The model's outline is empty. Try again, or write an outline into the task."
            )
        return
    html = data["introduction"] if function == "content_frame" else data["html"]
    if not words_count(html_clean(html)):
        raise UnusableAnswer("The model's answer holds no text. Try again, or choose another model.")


def _section(html: str, heading: str) -> str:
    """What stands under a heading: its own headings are below it, and it is not said twice."""
    html = _HEADING.sub(lambda match: f"<{match[1]}h{int(match[2]) + 1}", html_clean(html))
    first = _FIRST_HEADING.match(html)
    if first and (not heading or text_of(first[1]).casefold() == " ".join(heading.split()).casefold()):
        html = html[first.end() :]
    return html.strip()


def _faq(frame: dict) -> list[str]:
    rows = [(row["question"].strip(), row["answer"].strip()) for row in frame["faq"]]
    rows = [(question, answer) for question, answer in rows if question and answer]
    if not rows:
        return []
    parts = [f"<h2>{escape(frame['faq_heading'].strip() or 'FAQ', quote=False)}</h2>"]
    for question, answer in rows:
        answer = html_clean(answer)
        text = answer if answer.startswith("<p") else f"<p>{answer}</p>"
        parts += [f"<h3>{escape(question, quote=False)}</h3>", text]
    return parts


def _pages(task: Task) -> list[dict]:
    """Published articles of the site that this one may link to: those of its cluster first, then of its sector."""
    near = Case(
        When(cluster_id=task.cluster_id, then=Value(0)),
        When(sector_id=task.sector_id, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = Content.objects.filter(site_id=task.site_id, status=Content.Status.PUBLISHED)
    rows = rows.exclude(external_url="").exclude(task_id=task.pk).order_by(near, "-published_at", "-pk")
    return [
        {"title": title, "url": url} for title, url in rows.values_list("title", "external_url")[:MAX_LINKS]
    ]
