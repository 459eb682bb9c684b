"""How a keyword is read: its normal form and its words. Pure Python, no heavy import."""

import re
import unicodedata

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
# Scripts written without spaces: one character is one word, so that word pairs become the usual character pairs.
_IDEOGRAPHS = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Not \w: it leaves out the combining vowels of Hindi, Thai or Tamil and would cut their words to pieces.
_PUNCTUATION = "\\s!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u206f\u3000-\u3004\u3008-\u303f"
_WORD = re.compile(f"[{_IDEOGRAPHS}]|[^{_PUNCTUATION}{_IDEOGRAPHS}]+")

# English, German, Spanish, French: words that join others and name nothing.
FUNCTION_WORDS = frozenset(
    "a an and are as at be by did do does for from had has have i in into is it its me my of off on or our s so t "
    "that the their them these they this those to was we were with you your "
    "am an auf aus bei das dem den der des die ein eine einem einen einer für im ist mit nach oder sind um und von vom "
    "zu zum zur al como con da de del e el en es la las lo los o para por se son su un una y à au aux avec ce ces d "
    "dans du est et l le les ou par pour qu que sa ses son sur une".split()
)


def normalise(keyword: str) -> str:
    """The form in which two spellings of one keyword are equal: NFKC, lower case, straight quotes, single
    spaces, no control or format characters. May be empty."""
    if keyword.isascii() and keyword.isprintable():
        return " ".join(keyword.lower().split())
    text = unicodedata.normalize("NFKC", keyword).lower().translate(_QUOTES)
    kept = (
        " " if char.isspace() or unicodedata.category(char) == "Cc" else char
        for char in text
        if unicodedata.category(char) not in ("Cf", "Cs")
    )
    return " ".join("".join(kept).split())


def words(text: str) -> list[str]:
    """The words of a normalised keyword, in order. A keyword of nothing but signs is its own single word."""
    return _WORD.findall(text) or text.split()


def singular(word: str) -> str:
    """`word` without its plural s. Cheap, wrong now and then, and the same for both of two keywords."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def script(text: str) -> str:
    """The script of the first letter that is not ASCII, "LATIN" if there is none: the first word of its Unicode name,
    Chinese and Japanese counted as one."""
    if not text.isascii():
        for char in text:
            if char > "\x7f" and char.isalpha():
                name = unicodedata.name(char, "LATIN").split()[0]
                return "CJK" if name in ("HIRAGANA", "KATAKANA") else name
    return "LATIN"
