"""From failing checks to questions for a model, and from its answer to an article that is better, or the old one."""

import re
from dataclasses import dataclass, field, replace
from html import escape, unescape

from apps.core.differences import unified_diff
from apps.intelligence.functions import META_DESCRIPTION, META_TITLE
from apps.optimizer.scoring import Analysis, Article, analyze
from apps.optimizer.scoring.language import Language, language_of, sentences, words
from apps.optimizer.scoring.lengths import PARAGRAPH_WORDS
from apps.optimizer.services.blocks import block_tag, block_text, blocks_split
from apps.optimizer.services.facts import block_refused
from apps.writer.models import Image
from apps.writer.services.content import slug_of
from apps.writer.services.html import cut, headings, html_clean

# What a model may change for a check. Other checks ask for what a rewriting can not give: links, pictures, more to say.
FIELDS = {
    "keyphrase_in_title": "meta_title",
    "title_width": "meta_title",
    "keyphrase_in_meta_description": "meta_description",
    "meta_description_length": "meta_description",
    "keyphrase_in_slug": "slug",
    "keyphrase_in_alt_text": "alts",
    "alt_texts": "alts",
}
TEXT = (
    "keyphrase_in_introduction", "keyphrase_in_headings", "keyphrase_density", "section_length",
    "paragraph_length", "sentence_length", "readability",
)  # fmt: skip
_IMG = re.compile(r"<img\b[^>]*>")
_ALT = re.compile(r'\salt="[^"]*"')
ALT_LENGTH = 125


@dataclass(frozen=True)
class Draft:
    """An article that is being improved, with the alternative texts of its images by their id."""

    article: Article
    alts: dict[int, str]

    def analyze(self) -> Analysis:
        return analyze(self.article)


@dataclass
class Plan:
    """What failing checks ask for: `problems` as the model reads them, and all that it may touch."""

    problems: list[dict] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    blocks: dict[int, set[str]] = field(default_factory=dict)

    @property
    def asked(self) -> list[str]:
        return [problem["check"] for problem in self.problems]


def plan_of(draft: Draft, analysis: Analysis, *, slug_is_free: bool) -> Plan:
    """`slug_is_free`: the article's address is not known outside yet."""
    plan = Plan()
    article, language = draft.article, language_of(draft.article.language)
    blocks = blocks_split(article.html)
    for id in analysis.failing():
        if id.startswith("keyphrase_") and not article.keyphrase.strip():
            continue
        touched: list[int] = []
        if name := FIELDS.get(id):
            if (name == "slug" and not slug_is_free) or (name == "alts" and not pictures(draft)):
                continue
            plan.fields.add(name)
        elif id in TEXT:
            touched = _touched(id, blocks, language)
            if not touched:
                continue
            for number in touched:
                plan.blocks.setdefault(number, set()).add(id)
        else:
            continue
        verdict = analysis.verdicts[id]
        plan.problems.append(
            {"check": id, "found": verdict.reason, "to do": verdict.advice, "blocks": touched}
        )
    return plan


def _touched(id: str, blocks: list[str], language: Language) -> list[int]:
    tags = [block_tag(block) for block in blocks]
    prose = [n for n, tag in enumerate(tags) if tag in ("p", "") and words(block_text(blocks[n]))]
    match id:
        case "keyphrase_in_introduction":
            return prose[:1]
        case "keyphrase_in_headings":
            return [n for n, tag in enumerate(tags) if tag in ("h2", "h3")]
        case "paragraph_length":
            limit = PARAGRAPH_WORDS[0] * language.scale
            return [n for n in prose if len(words(block_text(blocks[n]))) > limit]
        case "sentence_length":
            limit = language.sentence_words
            return [
                n
                for n in prose
                if any(len(words(s)) > limit for s in sentences(block_text(blocks[n]), language))
            ]
    return prose


def pictures(draft: Draft) -> list[dict]:
    """Each picture with its alternative text: `image:<id>` beside the text, `text:<n>` the n-th in it."""
    inside = [
        {"picture": f"text:{n}", "alt": _alt_of(tag)}
        for n, tag in enumerate(_IMG.findall(draft.article.html))
    ]
    return inside + [{"picture": f"image:{pk}", "alt": alt} for pk, alt in sorted(draft.alts.items())]


def inputs_of(draft: Draft, plan: Plan, images: list[Image]) -> dict:
    """The variables of the function "optimize"."""
    article = draft.article
    about = {f"image:{image.pk}": cut(image.caption or image.prompt, 300) for image in images}
    return {
        "title": article.title,
        "keyphrase": article.keyphrase,
        "language": article.language,
        "problems": plan.problems,
        "fields": {
            "meta_title": article.meta_title,
            "meta_description": article.meta_description,
            "slug": article.slug,
        },
        "pictures": [{**picture, "about": about.get(picture["picture"], "")} for picture in pictures(draft)]
        if "alts" in plan.fields
        else [],
        "blocks": [f"{number}: {block.strip()}" for number, block in enumerate(blocks_split(article.html))],
    }


def improved(draft: Draft, plan: Plan, answer: dict, *, taken_slugs: set[str]) -> tuple[Draft, list[dict]]:
    """The draft with those changes of the answer that raise its score, and what was refused: [{"what", "why"}].

    Each field is a change, and the text is one: it is taken as a whole, without the blocks that lost a fact.
    """
    refused: list[dict] = []
    best = draft
    for name in ("meta_title", "meta_description", "slug"):
        value = _field(name, answer[name])
        if name not in plan.fields or not value or value == getattr(draft.article, name):
            continue
        if name == "slug" and value in taken_slugs:
            refused.append({"what": name, "why": f"the site has an article with the slug {value} already"})
            continue
        best = _better(best, replace(best, article=replace(best.article, **{name: value})), name, refused)
    if "alts" in plan.fields:
        best = _better(best, _with_alts(best, answer["alts"]), "alternative texts", refused)
    html = _rewritten(best, plan, answer["blocks"], refused)
    if html != best.article.html:
        best = _better(best, replace(best, article=replace(best.article, html=html)), "text", refused)
    return best, refused


def _field(name: str, value: str) -> str:
    match name:
        case "meta_title":
            return cut(value, META_TITLE)
        case "meta_description":
            return cut(value, META_DESCRIPTION)
    return slug_of(value) if value.strip() else ""


def _better(old: Draft, new: Draft, what: str, refused: list[dict]) -> Draft:
    if new == old:
        return old
    before, after = old.analyze(), new.analyze()
    if after.points * before.most > before.points * after.most:
        return new
    refused.append({"what": what, "why": "it does not raise the score"})
    return old


def _with_alts(draft: Draft, alts: list[dict]) -> Draft:
    said = {row["picture"]: cut(row["alt"], ALT_LENGTH) for row in alts if row["alt"].strip()}
    count = iter(range(len(_IMG.findall(draft.article.html))))

    def mend(match: re.Match) -> str:
        alt = said.get(f"text:{next(count)}")
        return match[0] if alt is None else _with_alt(match[0], alt)

    beside = {pk: said.get(f"image:{pk}", alt) for pk, alt in draft.alts.items()}
    texts = tuple(alt for _, alt in sorted(beside.items()))
    article = replace(draft.article, html=_IMG.sub(mend, draft.article.html), pictures=texts)
    return Draft(article, beside)


def _alt_of(tag: str) -> str:
    match = _ALT.search(tag)
    return unescape(match[0].split('"')[1]) if match else ""


def _with_alt(tag: str, alt: str) -> str:
    written = f' alt="{escape(alt)}"'
    if _ALT.search(tag):
        return _ALT.sub(lambda _: written, tag, count=1)
    return f"<img{written}{tag[4:]}"


def _rewritten(draft: Draft, plan: Plan, answers: list[dict], refused: list[dict]) -> str:
    """The HTML with the blocks of the answer that were asked for and keep what they must."""
    html = draft.article.html
    blocks = blocks_split(html)
    known = f"{block_text(html)} {draft.article.title} {draft.article.keyphrase}"
    for row in answers:
        number = row["number"]
        if number not in plan.blocks:
            if number >= len(blocks) or row["html"].strip() != blocks[number].strip():
                refused.append({"what": f"block {number}", "why": "no check asked for it"})
            continue
        new = html_clean(row["html"])
        wanted = "section_length" in plan.blocks[number]
        if why := block_refused(blocks[number], new, known=known, headings=wanted):
            refused.append({"what": f"block {number}", "why": why})
            continue
        old = blocks[number]
        # What follows the element stays: line ends, mostly.
        blocks[number] = new + old[len(old.rstrip()) :]
    joined = "".join(blocks)
    # Pictures stand under headings by their number.
    if draft.alts and len(headings(joined)) != len(headings(html)):
        refused.append({"what": "text", "why": "new headings would move the pictures"})
        return html
    return joined


def difference(before: Draft, after: Draft) -> tuple[dict, dict, str]:
    """The changed fields as they were and as they are, and a unified diff of them."""
    old, new = _fields(before), _fields(after)
    changed = [name for name in old if old[name] != new[name]]
    diff = "\n".join(
        unified_diff(_lines(name, old[name]), _lines(name, new[name]), f"{name} before", f"{name} after")
        for name in changed
    )
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}, diff


def _fields(draft: Draft) -> dict:
    article = draft.article
    return {
        "meta_title": article.meta_title,
        "meta_description": article.meta_description,
        "slug": article.slug,
        "image_alts": {str(pk): alt for pk, alt in sorted(draft.alts.items())},
        "html": article.html,
    }


def _lines(name: str, value: str | dict) -> list[str]:
    if isinstance(value, dict):
        return [f"{pk}: {alt}" for pk, alt in value.items()]
    return (
        [line for block in blocks_split(value) for line in block.splitlines()] if name == "html" else [value]
    )
