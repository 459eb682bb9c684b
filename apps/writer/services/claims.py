"""The statements of an article that an editor has to check: those with a figure, a date or a source.

Found by their form, in any language: a figure with what makes it one, a year or a date, and the words by which texts
name a source in the languages that articles are written in most. It judges no truth and may mark too much.
"""

import re
from dataclasses import asdict, dataclass

from selectolax.lexbor import LexborHTMLParser

BLOCKS = ("p", "li", "td", "th", "figcaption", "caption", "blockquote", "pre")
MAX_SENTENCE = 500
_END = re.compile(r"(?<=[.!?…。！？؟।])[\"'”’»)\]]*\s+|(?<=[。！？])")
_SOURCES = (
    "according to|study|studies|survey|research|researchers|report|reports|statistic|statistics|scientists?|experts?"
    "|data (?:from|of|by|show)|census|source:"
    "|laut|studie|studien|umfrage|forscher|forschung|bericht|statistik|quelle"
    "|selon|d’après|d'après|étude|études|enquête|chercheurs|rapport|statistiques"
    "|según|estudio|estudios|encuesta|investigadores|informe|estadísticas"
    "|secondo|studio|studi|sondaggio|ricercatori|rapporto|statistiche"
    "|segundo|estudos?|pesquisa|pesquisadores|relatório|estatísticas"
    "|volgens|onderzoek|onderzoekers|согласно|исследовани[еяй]|опрос|учёные|ученые|статистик[аи]"
    "|دراسة|بحث|وفقا|إحصائيات|مطالعه|پژوهش|研究|調査|调查|统计|によると"
)
_SOURCE = re.compile(
    rf"(?<!\w)(?:{_SOURCES})(?!\w)|研究|調査|调查|统计|によると|(?<!\w)[A-Z][\w.]+ et al\b", re.IGNORECASE
)
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|januar|februar|märz|mai|juni|juli|oktober|dezember"
    "|janvier|février|mars|avril|juin|juillet|août|septembre|octobre|novembre|décembre"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre"
    "|января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря"
)
_DATE = re.compile(
    rf"\b\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b|(?<!\w)\d{{1,2}}(?:st|nd|rd|th|\.|º|er)?\s+(?:de\s+)?(?:{_MONTHS})(?!\w)"
    rf"|(?<!\w)(?:{_MONTHS})\s+\d{{1,4}}(?!\w)|(?<![\d.,])(?:1[5-9]|20)\d{{2}}s?(?![\d%]|[.,]\d)|\d{{4}}年",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"[$€£¥₹₽]\s?\d|\d\s?[$€£¥₹₽%‰°]|\d\s?(?:percent|per cent|prozent|pour cent|por ciento|per cento)"
    r"|\d+[.,:×x/]\d+|\d{2,}|\d\s?(?:°|[kKMG]?[gmWVBlL]|kg|km|cm|mm|ml|hours?|minutes?|days?|weeks?|years?|times?|million|billion)(?!\w)"
    r"|[٠-٩۰-۹०-९]{2,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """`kind` is what marks it first: source, date or figure. `position` counts the text's blocks from 0."""

    sentence: str
    kind: str
    position: int


def claims_of(html: str) -> list[dict]:
    """Each sentence of an article that states a figure, a date or a source, in order."""
    if not html:
        return []
    found: list[Claim] = []
    tree = LexborHTMLParser(html)
    for position, node in enumerate(tree.css(", ".join(BLOCKS))):
        # A block inside another one speaks for itself.
        if any(child.tag in BLOCKS for child in node.css(", ".join(BLOCKS)) if child != node):
            continue
        for sentence in _END.split(" ".join(node.text().split())):
            if kind := _kind((sentence or "")[:MAX_SENTENCE]):
                found.append(Claim(sentence.strip()[:MAX_SENTENCE], kind, position))
    return [asdict(claim) for claim in found]


def _kind(sentence: str) -> str:
    if _SOURCE.search(sentence):
        return "source"
    if _DATE.search(sentence):
        return "date"
    return "figure" if _FIGURE.search(sentence) else ""
