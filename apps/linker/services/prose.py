"""The words of an article that may become links, each with its place in the source: nothing is parsed and written anew.

A tree of the document has lost where its text stood, so the source is read from left to right as browsers do: tags
with their quoted attributes, comments, raw text. Where it is too broken to be sure, it ends early: less is linked.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from html import unescape

from apps.linker.services.words import BARRIER, Word, is_word, word_pattern, words_of

# What may stand inside a link, and does not end a phrase.
INLINE = frozenset(
    "strong em b i u s span mark small sub sup abbr cite q dfn var ins del font bdi bdo time big tt wbr".split()
)
HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
# What a link may not stand in.
CLOSED = HEADINGS | frozenset(
    "a code pre kbd samp button figcaption caption th label select option legend summary svg math template object "
    "head noscript audio video canvas map datalist".split()
)
VOID = frozenset("br hr img input wbr embed area base col link meta source track".split())
# Their content is no HTML.
RAW = frozenset("script style textarea title iframe xmp noembed noframes".split())

_MARKUP = re.compile(r"<(?=[A-Za-z/!?])")  # any other is a sign of the text
_NAME = re.compile(r"/?[A-Za-z][^\s/>]*")
_ATTRIBUTE_OR_END = re.compile(r"[=>]")
_UNQUOTED_END = re.compile(r"[\s>]")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")
_SHORTCODE = re.compile(
    r"\[(caption|wp_caption|button|code)\b[^\[\]]*\].{0,1000}?\[/\1\]|\[/?[A-Za-z][\w-]*[^\[\]\x00]*\]",
    re.DOTALL,
)
# What ties two words together to one: a match that ends at it would end inside of a word.
_JOINERS = frozenset("-‐‑./\\@:&=?_~#%+*")


@dataclass
class Prose:
    """`text`: what is read, with a BARRIER where a phrase ends. `count`: all of its words, linkable or not."""

    source: str
    text: str = ""
    words: list[Word] = field(default_factory=list)
    count: int = 0
    _from: list[int] = field(default_factory=list)  # where each piece of `text` begins
    _pieces: list[tuple[int, int, bool]] = field(
        default_factory=list
    )  # its source, and whether it is that, verbatim
    _tags: list[tuple[int, int, str]] = field(default_factory=list)  # inline tags: begin, end, name or /name
    _tag_begins: list[int] = field(default_factory=list)
    _tag_ends: list[int] = field(default_factory=list)

    def place(self, first: int, last: int) -> tuple[int, int] | None:
        """The source between the words of these numbers, both included, widened to whole inline elements.

        None where a link would end inside a word, or cut an element in two.
        """
        start, end = self.words[first].start, self.words[last].end
        if self._joined(start - 1, start - 2) or self._joined(end, end + 1):
            return None
        return self._whole(self._source_of(start)[0], self._source_of(end - 1)[1])

    def shown(self, first: int, last: int) -> str:
        return " ".join(self.text[self.words[first].start : self.words[last].end].split())

    def around(self, first: int, last: int, width: int = 60) -> str:
        """The words around these, on one line."""
        start, end = self.words[first].start, self.words[last].end
        left = self.text[max(0, start - width) : start].rpartition(BARRIER)[2]
        right = self.text[end : end + width].partition(BARRIER)[0]
        return " ".join(f"{left}{self.text[start:end]}{right}".split())

    def _joined(self, at: int, beyond: int) -> bool:
        if not (0 <= at < len(self.text) and 0 <= beyond < len(self.text)):
            return False
        return self.text[at] in _JOINERS and is_word(self.text[beyond])

    def _source_of(self, at: int) -> tuple[int, int]:
        piece = bisect_right(self._from, at) - 1
        start, end, verbatim = self._pieces[piece]
        if not verbatim:
            return start, end
        start += at - self._from[piece]
        return start, start + 1

    def _whole(self, start: int, end: int) -> tuple[int, int] | None:
        inside = self._tags[bisect_left(self._tag_begins, start) : bisect_left(self._tag_begins, end)]
        opened: list[str] = []
        closed = 0
        for _, _, name in inside:
            if not name.startswith("/"):
                opened.append(name)
            elif opened:
                if opened.pop() != name[1:]:
                    return None
            else:
                closed += 1
        if opened and closed:
            return None
        for _ in range(closed):  # take in the tags that open right before it
            at = bisect_left(self._tag_ends, start)
            if at == len(self._tags) or self._tag_ends[at] != start or self._tags[at][2].startswith("/"):
                return None
            start = self._tags[at][0]
        for name in reversed(opened):  # and those that close right after it
            at = bisect_left(self._tag_begins, end)
            if at == len(self._tags) or self._tags[at][:1] != (end,) or self._tags[at][2] != f"/{name}":
                return None
            end = self._tags[at][1]
        return (start, end) if not (closed and self._mismatched(start, end)) else None

    def _mismatched(self, start: int, end: int) -> bool:
        opened: list[str] = []
        for _, _, name in self._tags[
            bisect_left(self._tag_begins, start) : bisect_left(self._tag_begins, end)
        ]:
            if not name.startswith("/"):
                opened.append(name)
            elif not opened or opened.pop() != name[1:]:
                return True
        return bool(opened)


def prose_of(source: str) -> Prose:
    prose = Prose(source)
    reader = _Reader(prose)
    reader.read()
    prose.text = "".join(reader.out)
    prose._tag_begins = [tag[0] for tag in prose._tags]
    prose._tag_ends = [tag[1] for tag in prose._tags]
    masked = [m.span() for m in _SHORTCODE.finditer(prose.text)] if "[" in prose.text else []
    prose.words = words_of(prose.text, masked)
    prose.count = len(prose.words) + reader.closed_words
    return prose


class _Reader:
    """One pass over the source."""

    def __init__(self, prose: Prose):
        self.prose, self.source = prose, prose.source
        self.out: list[str] = []
        self.length = 0
        self.inside: list[str] = []  # elements that may hold no link
        self.closed_words = 0

    def read(self) -> None:
        at, source = 0, self.source
        while at < len(source):
            tag = _MARKUP.search(source, at)
            self._text(at, tag.start() if tag else len(source))
            if tag is None:
                return
            at = self._tag(tag.start())

    def _tag(self, at: int) -> int:
        """Reads what begins with the `<` at this place; returns where it ends."""
        source = self.source
        if source.startswith("<!--", at):
            self._barrier(at)
            if source.startswith(("<!-->", "<!--->"), at):
                return source.index(">", at) + 1
            return _after(source, "-->", at + 4)
        if source.startswith(("<!", "<?"), at) or (
            source.startswith("</", at) and not _NAME.match(source, at + 1)
        ):
            self._barrier(at)
            return _after(source, ">", at + 2)
        name = _NAME.match(source, at + 1)
        tag = name[0].lower()
        end = _tag_end(source, name.end())
        self._element(at, end, tag)
        if tag in RAW:
            closing = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(source, end)
            return closing.start() if closing else len(source)
        return end if tag != "plaintext" else len(source)

    def _element(self, start: int, end: int, name: str) -> None:
        bare = name.removeprefix("/")
        if bare in INLINE and bare not in VOID:
            self.prose._tags.append((start, end, name))
            return
        self._barrier(start)
        if bare not in CLOSED or bare in VOID:
            return
        if not name.startswith("/"):
            self.inside.append("h" if bare in HEADINGS else bare)
        elif (kind := "h" if bare in HEADINGS else bare) in self.inside:
            self.inside.reverse()
            self.inside.remove(kind)
            self.inside.reverse()

    def _barrier(self, at: int) -> None:
        if not self.out or self.out[-1] != BARRIER:
            self._piece(BARRIER, at, at, False)

    def _text(self, start: int, end: int) -> None:
        if start >= end:
            return
        if self.inside:
            self.closed_words += len(word_pattern().findall(self.source, start, end))
            self._barrier(start)
            return
        at = start
        for entity in _ENTITY.finditer(self.source, start, end):
            self._verbatim(at, entity.start())
            meant = unescape(entity[0])
            if meant == entity[0]:
                self._verbatim(entity.start(), entity.end())
            elif meant == "\xad":
                pass
            else:
                self._piece(meant.replace(BARRIER, " "), entity.start(), entity.end(), False)
            at = entity.end()
        self._verbatim(at, end)

    def _verbatim(self, start: int, end: int) -> None:
        if start < end:
            self._piece(self.source[start:end], start, end, True)

    def _piece(self, text: str, start: int, end: int, verbatim: bool) -> None:
        self.prose._from.append(self.length)
        self.prose._pieces.append((start, end, verbatim))
        self.out.append(text)
        self.length += len(text)


def _after(source: str, mark: str, at: int) -> int:
    found = source.find(mark, at)
    return found + len(mark) if found >= 0 else len(source)


def _tag_end(source: str, at: int) -> int:
    """Where the tag ends whose name ends at `at`. A `>` in a quoted value does not end it."""
    while True:
        mark = _ATTRIBUTE_OR_END.search(source, at)
        if mark is None:
            return len(source)
        at = mark.end()
        if mark[0] == ">":
            return at
        while at < len(source) and source[at].isspace():
            at += 1
        if source[at : at + 1] in ('"', "'"):
            at = _after(source, source[at], at + 1)
        else:
            unquoted = _UNQUOTED_END.search(source, at)
            at = unquoted.start() if unquoted else len(source)
