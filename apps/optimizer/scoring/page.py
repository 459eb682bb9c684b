"""An article as the checks see it: what stands where, read once."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .language import Language, holds_unspaced, language_of, normal, sentences, words

HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Read for no text: programs, what is meant for machines, and what quotes them.
_SKIPPED = {"script", "style", "noscript", "template", "pre", "textarea", "svg", "iframe", "head"}
_INLINE = {
    "-text", "a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark",
    "q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
}  # fmt: skip
_CAPTIONS = {"figcaption", "caption"}


@dataclass(frozen=True)
class Article:
    """What is analysed. `domain` is the site's host name, "" where it is not known. `pictures` are the alternative
    texts of pictures that stand beside the HTML; `used_by` counts the site's other articles with this keyphrase,
    None where nobody looked."""

    title: str
    html: str
    keyphrase: str
    slug: str = ""
    meta_title: str = ""
    meta_description: str = ""
    language: str = "en"
    domain: str = ""
    pictures: tuple[str, ...] = ()
    used_by: int | None = None

    @property
    def seo_title(self) -> str:
        return self.meta_title or self.title


@dataclass
class Block:
    """A stretch of text without a break: `kind` is p, caption or h1 to h6. `section` counts the headings before it."""

    kind: str
    text: str
    section: int

    @cached_property
    def length(self) -> int:
        return len(words(self.text))


class Sentence(NamedTuple):
    """`kind` is its block's, `counted` its words."""

    kind: str
    text: str
    counted: Counter[str]


@dataclass(frozen=True)
class Link:
    internal: bool
    followed: bool


class Keyphrase:
    """Its words, without function words where others are left. In scripts without spaces it is one word."""

    def __init__(self, text: str, language: Language):
        self.text = " ".join(text.split())
        self.unspaced = holds_unspaced(self.text)
        self.normal = " ".join(normal(self.text).split())
        all_words = [self.normal] if self.unspaced and self.normal else words(self.text)
        content = [word for word in all_words if word not in language.function_words]
        self.words = tuple(dict.fromkeys(content or all_words))

    def __bool__(self) -> bool:
        return bool(self.words)

    def count(self, text: str, counted: Counter[str] | None = None) -> int:
        """How often `text`, one sentence, holds all of its words, in any order."""
        if not self.words:
            return 0
        if self.unspaced:
            return normal(text).count(self.normal)
        counted = Counter(words(text)) if counted is None else counted
        return min(counted[word] for word in self.words)

    def share(self, text: str) -> float:
        """The part of its words that `text` holds, 0 to 1."""
        if not self.words:
            return 0.0
        if self.unspaced:
            return float(self.normal in normal(text))
        held = set(words(text))
        return sum(word in held for word in self.words) / len(self.words)


class Page:
    """The parsed article; everything is computed when a check first asks for it."""

    def __init__(self, article: Article):
        self.article = article
        self.language = language_of(article.language)
        self.keyphrase = Keyphrase(article.keyphrase, self.language)

    @cached_property
    def tree(self) -> LexborHTMLParser:
        return LexborHTMLParser(f"<body>{self.article.html}</body>")

    @cached_property
    def blocks(self) -> list[Block]:
        return list(_Blocks().of(self.tree.body)) if self.tree.body is not None else []

    @cached_property
    def sentences(self) -> list[Sentence]:
        return [
            Sentence(block.kind, sentence, Counter(words(sentence)))
            for block in self.blocks
            for sentence in sentences(block.text, self.language)
        ]

    @cached_property
    def word_count(self) -> int:
        return sum(block.length for block in self.blocks)

    @cached_property
    def paragraphs(self) -> list[Block]:
        return [block for block in self.blocks if block.kind == "p"]

    @cached_property
    def headings(self) -> list[Block]:
        return [block for block in self.blocks if block.kind in HEADINGS]

    @cached_property
    def introduction(self) -> str:
        return self.paragraphs[0].text if self.paragraphs else ""

    @cached_property
    def alts(self) -> list[str]:
        """The alternative texts of all pictures, "" for one without."""
        inside = [" ".join((node.attributes.get("alt") or "").split()) for node in self.tree.css("img")]
        return inside + list(self.article.pictures)

    @cached_property
    def links(self) -> list[Link]:
        """Those that lead to a page: no anchors within the text, addresses of people or scripts."""
        found = (_link(node, self.article.domain) for node in self.tree.css("a[href]"))
        return [link for link in found if link]


class _Blocks:
    """Walks the elements without recursion deeper than the parser's own, and gathers what stands in a line."""

    def __init__(self) -> None:
        self.section = 0

    def of(self, root: LexborNode) -> Iterator[Block]:
        # (node, kind of its text); a marker None ends a line.
        stack: list[tuple[LexborNode | None, str]] = [(root, "p")]
        line: list[str] = []
        line_kind = "p"
        while stack:
            node, kind = stack.pop()
            if node is None or (node.tag not in _INLINE and node.tag not in _SKIPPED):
                yield from self._ended(line, line_kind)
                line = []
            if node is None or node.tag in _SKIPPED or (node.tag.startswith("-") and node.tag != "-text"):
                continue
            if node.tag == "-text":
                line.append(node.text_content or "")
                line_kind = kind
                continue
            if node.tag == "br":
                line.append(" ")
            if node.tag in HEADINGS:
                kind = node.tag
                self.section += 1
            elif node.tag in _CAPTIONS:
                kind = "caption"
            if node.tag not in _INLINE:
                stack.append((None, kind))
            stack.extend((child, kind) for child in reversed(list(node.iter(include_text=True))))
        yield from self._ended(line, line_kind)

    def _ended(self, line: list[str], kind: str) -> Iterator[Block]:
        text = " ".join("".join(line).split())
        if text:
            yield Block(kind, text, self.section)


_OTHER = re.compile(r"(?i)^\s*(?:#|[a-z][a-z0-9+.-]*:(?!//)|(?!https?:)[a-z][a-z0-9+.-]*://)|^\s*$")


def _link(node: LexborNode, domain: str) -> Link | None:
    href = node.attributes.get("href") or ""
    if _OTHER.search(href):
        return None
    try:
        host = urlsplit(href.strip()).hostname
    except ValueError:
        return None
    internal = not host or (bool(domain) and _bare(host) == _bare(domain))
    rel = (node.attributes.get("rel") or "").lower().split()
    return Link(internal, not {"nofollow", "ugc", "sponsored"} & set(rel))


def _bare(host: str) -> str:
    return host.lower().rstrip(".").removeprefix("www.")
