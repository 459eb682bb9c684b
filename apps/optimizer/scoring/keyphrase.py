"""Where the keyphrase stands, and how often."""

import math
import re

from .checks import Verdict, bad, check, count, good, ok
from .language import normal, sentences, words
from .page import Page

SET_KEYPHRASE = "Set a keyphrase: the words that people search for when they should find this article."
DENSITY = (0.5, 3.0, 4.0)  # least, most, far too much; in per cent, for a keyphrase of one word
SUBHEADINGS = (0.3, 0.75)
LONG_TEXT = 300


@check("keyphrase_length", 4)
def keyphrase_length(page: Page) -> Verdict:
    n = len(page.keyphrase.words)
    many, too_many = (5, 8) if page.language.function_words else (7, 9)
    if not n:
        return bad("There is no keyphrase.", SET_KEYPHRASE)
    if n < many:
        return good(f"The keyphrase has {count(n, 'word')} that count.")
    advice = f"Shorten it to at most {many - 1} words: hardly anybody types more."
    return (ok if n <= too_many else bad)(f"The keyphrase has {n} words that count.", advice)


@check("keyphrase_in_title", 10)
def keyphrase_in_title(page: Page) -> Verdict:
    title, phrase = page.article.seo_title, page.keyphrase
    if not phrase or not title.strip():
        return bad("There is no keyphrase, or no title.", SET_KEYPHRASE if not phrase else "Write a title.")
    before = _before(title, phrase.normal)
    if before is not None:
        if all(word in page.language.function_words for word in words(before)):
            return good("The title begins with the keyphrase.")
        return ok("The title holds the keyphrase, but not at its beginning.", "Begin the title with it.")
    if phrase.share(title) == 1:
        return ok(
            "The title holds all words of the keyphrase, but not together.",
            f"Write “{phrase.text}” at its beginning.",
        )
    return bad("The title lacks words of the keyphrase.", f"Begin the title with “{phrase.text}”.")


@check("keyphrase_in_introduction", 8)
def keyphrase_in_introduction(page: Page) -> Verdict:
    phrase, text = page.keyphrase, page.introduction
    if not phrase or not text:
        return bad(
            "There is no keyphrase, or no text.", SET_KEYPHRASE if not phrase else "Write a first paragraph."
        )
    if any(phrase.share(sentence) == 1 for sentence in sentences(text, page.language)):
        return good("The first paragraph holds the keyphrase in one sentence.")
    if phrase.share(text) == 1:
        return ok(
            "The first paragraph holds the keyphrase, but spread over several sentences.",
            "Bring its words together in one sentence.",
        )
    return bad(
        "The first paragraph does not hold the keyphrase.", f"Say there that it is about “{phrase.text}”."
    )


@check("keyphrase_in_headings", 6)
def keyphrase_in_headings(page: Page) -> Verdict:
    if not page.keyphrase or not page.blocks:
        return bad("There is no keyphrase, or no text.", SET_KEYPHRASE)
    headings = [heading.text for heading in page.headings if heading.kind in ("h2", "h3")]
    if not headings:
        if page.word_count < LONG_TEXT * page.language.scale:
            return good("A text this short needs no subheadings.")
        return bad("There are no subheadings.", "Divide the text with h2 headings, some with the keyphrase.")
    matched = sum(_reflects(page, heading) for heading in headings)
    share = matched / len(headings)
    reason = f"{matched} of {count(len(headings), 'subheading')} reflect the keyphrase."
    if len(headings) == 1:
        return good(reason) if matched else bad(reason, "Name the keyphrase in the subheading.")
    if share < SUBHEADINGS[0]:
        wanted = math.ceil(len(headings) * SUBHEADINGS[0])
        return bad(reason, f"Name it in {wanted}: more than half of its words, where it reads naturally.")
    if share > SUBHEADINGS[1]:
        wanted = int(len(headings) * SUBHEADINGS[1])
        return bad(reason, f"Leave it out of some: at most {wanted} should name it.")
    return good(reason)


@check("keyphrase_in_slug", 6)
def keyphrase_in_slug(page: Page) -> Verdict:
    phrase, slug = page.keyphrase, page.article.slug
    if not phrase or not slug:
        return bad(
            "There is no keyphrase, or no slug.", SET_KEYPHRASE if not phrase else "Give the article a slug."
        )
    share = phrase.share(re.sub("[-_]+", " ", slug))
    if share == 1 or (len(phrase.words) > 2 and share > 0.5):
        return good("The slug holds the keyphrase.")
    return ok(
        "The slug holds the keyphrase only in part, or not at all.",
        "Use the words of the keyphrase in the slug, unless the page is linked already.",
    )


@check("keyphrase_in_meta_description", 6)
def keyphrase_in_meta_description(page: Page) -> Verdict:
    phrase, text = page.keyphrase, page.article.meta_description
    if not phrase or not text.strip():
        return bad(
            "There is no keyphrase, or no meta description.",
            SET_KEYPHRASE if not phrase else "Write a meta description with the keyphrase.",
        )
    n = sum(phrase.count(sentence) for sentence in sentences(text, page.language))
    if n == 0:
        return bad("The meta description does not hold the keyphrase.", f"Name “{phrase.text}” in it.")
    if n > 2:
        return bad(f"The meta description holds the keyphrase {n} times.", "Name it once or twice.")
    return good(f"The meta description holds the keyphrase {_times(n)}.")


@check("keyphrase_in_alt_text", 4)
def keyphrase_in_alt_text(page: Page) -> Verdict:
    alts, phrase = page.alts, page.keyphrase
    if not alts or not phrase:
        return bad(
            "There is no picture, or no keyphrase.",
            "Add a picture whose alternative text names the keyphrase.",
        )
    matched = sum(phrase.share(alt) >= 0.5 for alt in alts)
    reason = f"{matched} of {count(len(alts), 'alternative text')} reflect the keyphrase."
    if not matched:
        return ok(reason, "Name the keyphrase in the alternative text of a picture that shows it.")
    if len(alts) < 5 or (len(alts) == 5 and 2 <= matched <= 4):
        return good(reason)
    least, most = math.ceil(len(alts) * 0.3), int(len(alts) * 0.75)
    if matched < least:
        return ok(reason, f"Name it in {least}, where the picture shows it.")
    if matched > most:
        return ok(reason, f"Say what the pictures show: at most {most} should name the keyphrase.")
    return good(reason)


@check("keyphrase_density", 8)
def keyphrase_density(page: Page) -> Verdict:
    phrase, total = page.keyphrase, page.word_count
    if not phrase or not total:
        return bad("There is no keyphrase, or no text.", SET_KEYPHRASE)
    n = sum(phrase.count(sentence.text, sentence.counted) for sentence in page.sentences)
    if total < 100:
        least, most = 1, 2 if total > 50 else 1
        far = n > most + 1
    else:
        # A longer keyphrase can not be repeated as often.
        factor = 0.7 + len(phrase.words) / 3
        density = n / total * 100 * factor
        least = max(2, math.ceil(DENSITY[0] * total / (100 * factor)))
        most = max(2, int(DENSITY[1] * total / (100 * factor)))
        far = density > DENSITY[2]
        if density >= DENSITY[0] and n >= 2 and density <= DENSITY[1]:
            return good(f"The text holds the keyphrase {_times(n)}.")
        if n == 2 and least <= 2:
            return good("The text holds the keyphrase twice.")
    if n < least:
        return bad(
            f"The text holds the keyphrase {_times(n)}.",
            f"Use it {_times(least)} or more, each time in one sentence.",
        )
    if n > most:
        much = "far too often" if far else "too often"
        return bad(f"The text holds the keyphrase {_times(n)}, {much}.", f"Use it at most {_times(most)}.")
    return good(f"The text holds the keyphrase {_times(n)}.")


@check("keyphrase_unique", 6)
def keyphrase_unique(page: Page) -> Verdict | None:
    others = page.article.used_by
    if others is None:
        return None
    if not page.keyphrase:
        return bad("There is no keyphrase.", SET_KEYPHRASE)
    if not others:
        return good("No other article of the site has this keyphrase.")
    return (ok if others == 1 else bad)(
        f"{count(others, 'other article')} of the site {'has' if others == 1 else 'have'} this keyphrase.",
        "Choose another keyphrase, or make one article of them: they compete with each other.",
    )


def _reflects(page: Page, heading: str) -> bool:
    share = page.keyphrase.share(heading)
    return share > 0.5 if page.language.function_words else share == 1


def _before(title: str, phrase: str) -> str | None:
    """What stands before the keyphrase in the title; None when it is not there as a whole."""
    text = " ".join(normal(title).split())
    edge = r"(?:(?<![^\W_])|(?<=[\u3040-\u9fff]))"
    end = r"(?:(?![^\W_])|(?=[\u3040-\u9fff]))"
    found = re.search(f"{edge}{re.escape(phrase)}{end}", text)
    return text[: found.start()] if found else None


def _times(n: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(n, f"{n} times")
