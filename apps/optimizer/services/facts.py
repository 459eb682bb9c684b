"""What a rewritten block must keep: its facts, links and pictures, and its form."""

import re
from collections import Counter

from apps.optimizer.scoring.language import normal, words
from apps.optimizer.services.blocks import block_tag, block_text

_LINK = re.compile(r"<a\b[^>]*>.*?</a>", re.DOTALL)
_PICTURE = re.compile(r"<img\b[^>]*>")
_FORM = re.compile(r"<(ul|ol|li|table|tr|td|th|figure|blockquote|pre|h[1-6]|hr)\b")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
# A number with what it counts: 8 grams are not 8 kilos.
_COUNTED = re.compile(r"(\d+(?:[.,:/]\d+)*)\s*(%|[€$£°]|[^\W\d_]+)")
_QUOTED = re.compile(r"“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|\"([^\"]+)\"")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:…]\s+|[“„«\"(]\s*)$")
SHORTEST, LONGEST, ROOM = 0.6, 2.0, 30


def block_refused(old: str, new: str, *, known: str, headings: bool) -> str:
    """Why `new` may not stand for the block `old`; "" when it may.

    `known` is the whole article's text: a number that it does not hold is made up. `headings`: whether new
    subheadings were asked for.
    """
    was, is_ = block_text(old), block_text(new)
    if not is_:
        return "nothing of it was left"
    if _LINK.findall(old) != _LINK.findall(new):
        return "a link was changed, added or lost"
    if _PICTURE.findall(old) != _PICTURE.findall(new):
        return "a picture was changed, added or lost"
    if problem := _form_refused(old, new, headings):
        return problem
    length = len(words(is_)), len(words(was))
    if length[0] < SHORTEST * length[1] or length[0] > LONGEST * length[1] + ROOM:
        return "it became much shorter or longer"
    if lost := (_counted(was) - _counted(is_)) or (_numbers(was) - _numbers(is_)):
        return f"“{min(lost)}” was lost"
    if made_up := _numbers(is_).keys() - _numbers(known).keys():
        return f"the number {min(made_up)} was made up"
    text = " ".join(normal(is_).split())
    for groups in _QUOTED.findall(was):
        if " ".join(normal("".join(groups)).split()) not in text:
            return f"the quoted “{''.join(groups)[:80]}” was lost"
    if lost_names := _names(was) - set(words(is_)):
        return f"the name “{min(lost_names)}” was lost"
    return ""


def _form_refused(old: str, new: str, headings: bool) -> str:
    tag, parts = block_tag(old), [Counter(_FORM.findall(html)) for html in (old, new)]
    added = parts[1] - parts[0]
    if parts[0] - parts[1]:
        return f"a part of it (<{min(parts[0] - parts[1])}>) was lost"
    if added and not (headings and set(added) <= {"h2", "h3"}):
        return f"a part that nobody asked for (<{min(added)}>) was added"
    if tag and tag != "p" and block_tag(new) != tag:
        return "it became another kind of block"
    return ""


def _numbers(text: str) -> Counter[str]:
    return Counter(_NUMBER.findall(text))


def _counted(text: str) -> Counter[str]:
    return Counter(f"{number} {unit}" for number, unit in _COUNTED.findall(normal(text)))


def _names(text: str) -> set[str]:
    """The words that begin with a capital though no sentence begins with them."""
    return {
        word
        for match in _WORD.finditer(text)
        if match[0][0].isupper() and not _SENTENCE_START.search(text[: match.start()][-4:])
        for word in words(match[0])
    }
