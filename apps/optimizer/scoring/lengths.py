"""How long the parts are, and how hard they are to read."""

import unicodedata

from fpdf.fonts import CORE_FONTS_CHARWIDTHS

from .checks import Verdict, bad, check, count, good, ok
from .language import syllables
from .page import HEADINGS, Page

TITLE_PIXELS = 600
TITLE_FONT_PIXELS = 20
META_DESCRIPTION = (120, 156)
TEXT_WORDS = (300, 250)
PARAGRAPH_WORDS = (150, 200)
SECTION_WORDS = (300, 350)
LONG_SENTENCES = (0.25, 0.30)

# Helvetica, to whose widths Arial was drawn; in thousandths of the font's size.
_WIDTHS = CORE_FONTS_CHARWIDTHS["helvetica"]
_WIDE, _USUAL = 1000, 556


def pixels(text: str) -> int:
    """The width of `text` as a search result shows a title: Arial, 20 px."""
    return round(sum(map(_width, text)) * TITLE_FONT_PIXELS / 1000)


def _width(char: str) -> int:
    try:
        code = char.encode("cp1252").decode("latin-1")
    except UnicodeError:
        if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
            return 0
        return _WIDE if unicodedata.east_asian_width(char) in "WF" else _USUAL
    return _WIDTHS.get(code, _USUAL)


@check("title_width", 6)
def title_width(page: Page) -> Verdict:
    width = pixels(" ".join(page.article.seo_title.split()))
    if not width:
        return bad("There is no title.", "Write a title.")
    if width > TITLE_PIXELS:
        return bad(
            f"The title is {width} pixels wide; search engines cut it after {TITLE_PIXELS}.",
            f"Shorten it by about {-(-(width - TITLE_PIXELS) // 10)} letters.",
        )
    return good(f"The title is {width} pixels wide, of {TITLE_PIXELS} that are shown.")


@check("meta_description_length", 6)
def meta_description_length(page: Page) -> Verdict:
    n = len(page.article.meta_description.strip())
    least, most = (limit // page.language.scale for limit in META_DESCRIPTION)
    if not n:
        return bad("There is no meta description.", f"Write one of {least + 1} to {most} characters.")
    reason = f"The meta description has {count(n, 'character')}."
    if n <= least:
        return ok(reason, f"Use the room: up to {most} characters are shown.")
    if n > most:
        return ok(reason, f"Shorten it to {most} characters: what is longer is cut off.")
    return good(reason)


@check("text_length", 8)
def text_length(page: Page) -> Verdict:
    n, scale = page.word_count, page.language.scale
    enough, nearly = (limit * scale for limit in TEXT_WORDS)
    reason = f"The text has {count(n, 'word')}."
    if n >= enough:
        return good(reason)
    advice = f"Write at least {enough}: answer more of what readers want to know."
    return (ok if n >= nearly else bad)(reason, advice)


@check("section_length", 4)
def section_length(page: Page) -> Verdict:
    limit, far = (words_ * page.language.scale for words_ in SECTION_WORDS)
    if page.word_count <= limit:
        return good("The text is short enough to need no more subheadings.")
    lengths: dict[int, int] = {}
    for block in page.blocks:
        if block.kind not in HEADINGS:
            lengths[block.section] = lengths.get(block.section, 0) + block.length
    if not page.headings:
        return bad(
            "The text is long and has no subheadings.", f"Put a subheading every {limit} words at least."
        )
    longest = max(lengths.values(), default=0)
    long = sum(length > limit for length in lengths.values())
    if not long:
        return good("No part of the text is too long to be without a subheading.")
    reason = f"{count(long, 'part')} of the text {'is' if long == 1 else 'are'} longer than {limit} words."
    advice = "Divide what is longer by a subheading."
    return (bad if longest > far else ok)(reason, advice)


@check("paragraph_length", 4)
def paragraph_length(page: Page) -> Verdict:
    limit, far = (n * page.language.scale for n in PARAGRAPH_WORDS)
    lengths = [paragraph.length for paragraph in page.paragraphs]
    long = sum(length > limit for length in lengths)
    if not long:
        return good("No paragraph is too long.")
    reason = f"{count(long, 'paragraph')} {'has' if long == 1 else 'have'} more than {limit} words."
    return (bad if max(lengths) > far else ok)(reason, "Divide them: one thought, one paragraph.")


@check("sentence_length", 4)
def sentence_length(page: Page) -> Verdict | None:
    if not page.sentences:
        return None
    limit = page.language.sentence_words
    long = sum(sentence.counted.total() > limit for sentence in page.sentences)
    share = long / len(page.sentences)
    reason = f"{share:.0%} of the sentences have more than {limit} words."
    few, many = (0.15, 0.20) if page.language.code == "pl" else LONG_SENTENCES
    if share <= few:
        return good(reason)
    return (ok if share <= many else bad)(reason, f"Shorten some: at most {few:.0%} should be that long.")


# Flesch's formula as it was fitted to each language: base, weight of words a sentence, of syllables a word.
_FLESCH = {
    "en": (206.835, 1.015, 84.6),  # Flesch 1948
    "de": (180.0, 1.0, 58.5),  # Amstad 1978
    "es": (206.84, 1.02, 60.0),  # Fernández Huerta 1959
    "fr": (207.0, 1.015, 73.6),  # Kandel and Moles 1958
    "it": (217.0, 1.3, 60.0),  # Franchina and Vacca 1972
    "nl": (206.84, 0.93, 77.0),  # Douma 1960
    "pt": (248.835, 1.015, 84.6),  # Martins and others 1996
    "ru": (206.835, 1.3, 60.1),  # Oborneva 2006
}
READABILITY = (50, 30)


@check("readability", 4)
def readability(page: Page) -> Verdict | None:
    """None for a language without a formula, and for less text than one can judge."""
    formula = _FLESCH.get(page.language.code)
    prose = [sentence.counted for sentence in page.sentences if sentence.kind == "p"]
    spoken = [word for counted in prose for word in counted.elements() if not word.isdecimal()]
    if formula is None or len(spoken) < 100:
        return None
    base, by_words, by_syllables = formula
    per_word = sum(syllables(word, page.language) for word in spoken) / len(spoken)
    ease = round(base - by_words * len(spoken) / len(prose) - by_syllables * per_word)
    reason = f"The reading ease is {min(100, max(0, ease))} of 100 (Flesch)."
    if ease >= READABILITY[0]:
        return good(reason)
    advice = "Write shorter sentences, and shorter words where there are any."
    return (ok if ease >= READABILITY[1] else bad)(reason, advice)
