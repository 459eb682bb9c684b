"""How a text is read: words, sentences, function words, syllables. Pure Python but for the cutting into sentences."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sentencex import segment

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
# Scripts written without spaces between words: each character counts as a word.
_UNSPACED = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Not \w: it leaves out the combining vowels of Hindi, Thai or Tamil and would cut their words to pieces.
_PUNCTUATION = (
    "\\s!-&(-/:-@\\[-`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4-\u00b9\u00bb-\u00bf\u2000-\u206f\u3000-\u3004\u3008-\u303f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_WORD = re.compile(f"[{_UNSPACED}]|[^{_PUNCTUATION}{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")

# Words that join others and are not what a reader searches for. A keyphrase is matched by its other words.
_FUNCTION_WORDS = {
    "en": "a about above after again against all also although always am among an and another any anything are "
    "around as at be because become been before behind being below best better between beyond both but by can "
    "cannot could did do does doing done down during each either else enough even ever every everything few for "
    "from get gets getting go goes good had has have having he her here hers him his how i if in into is it its "
    "itself just know least less like lot lots make makes making many may me might mine more most much must my "
    "need neither never new no nor not nothing now of off often old on once one only or other others our ours "
    "out over own per please quite really same say see several shall she should since so some something such "
    "take than that the their theirs them then there these they thing things this those through till to too "
    "toward towards two under until up upon us use used using very via want was way ways we well were what "
    "whatever when where whether which while who whole whom whose why will with within without would yet you "
    "your yours don't can't isn't",
    "de": "ab aber alle allem allen aller alles als also am an ander andere auch auf aus bei beim bin bis bist da "
    "damit dann das dass dein deine dem den der des dich die dies diese diesem diesen dieser dieses doch dort du "
    "durch ein eine einem einen einer eines einige er es etwas euch euer für gegen gut gute haben hat hatte hier "
    "hinter ich ihm ihn ihnen ihr ihre im in ins ist ja jede jeder jedes kann kein keine können macht man mehr "
    "mein meine mich mir mit muss nach neben nicht nichts noch nun nur ob oder ohne sehr sein seine sich sie "
    "sind so soll sollte über um und uns unser unter viel vom von vor wann war warum was weil welche welcher "
    "welches wenn wer werden wie wieder will wir wird wo zu zum zur zwischen beste besten bester",
    "es": "a al algo algunos ante antes aquel así aún bajo bien cada casi como cómo con contra cual cuál cuando "
    "cuándo de del desde donde dónde dos e el él ella ellos en entre era es esa ese eso esta está estas este esto "
    "estos fue ha hacer hasta hay la las le les lo los más me mejor mejores mi mis mucho muy nada ni no nos o os "
    "otra otro para pero poco por porque que qué quien quién se sea ser si sí sin sobre son su sus también tan "
    "tanto te tener tiene todo todos tu tus un una uno unos usar y ya yo",
    "fr": "à afin ai alors au aucun aussi autre aux avant avec bien bon c ça car ce cela ces cet cette ceux chaque "
    "chez ci comme comment contre d dans de depuis des deux doit donc dont du elle elles en encore entre es est "
    "et être eu faire fait faut font hors ici il ils j je jusque l la le les leur leurs lui m ma mais me meilleur "
    "meilleure meilleurs mes même moins mon n ne ni nos notre nous on ont ou où par pas pendant peu peut plus pour "
    "pourquoi qu quand que quel quelle quels qui s sa sans se selon ses si son sont sous sur t ta te tes toi ton "
    "tous tout toute très tu un une vers voici vos votre vous y",
    "it": "a abbia agli ai al alla alle allo anche c che chi ci come con contro cosa così cui d da dagli dai dal "
    "dalla dalle degli dei del della delle dello di dove due e è ed era essere fare fra gli ha hanno ho i il in io "
    "l la le lei lo loro lui ma mi mia migliore migliori mio molto ne negli nei nel nella nelle no noi non nostro "
    "o ogni per perché più poco prima qual quale quando quanto quella quello questa queste questi questo se sei "
    "senza si sia siamo sono sopra sotto su sua sugli sui sul sulla suo tra tu tutti tutto un una uno vi voi",
    "nl": "aan achter al alle alles als ander andere ben beste bij binnen boven daar dan dat de deze die dit doen "
    "door dus een en er gaan geen goed haar had heb hebben heeft hem hen het hier hij hoe hun ik in is ja je jij "
    "jou jouw kan kunnen maar maken me meer men met mij mijn moet na naar niet niets nog nu of om omdat ons ook op "
    "over per te tegen toch toen tot tussen u uit uw van veel voor waar waarom wanneer want waren was wat we wel "
    "welke wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou",
    "pt": "a à ao aos aquela aquele as às até bem cada com como contra da das de dela dele depois do dos e é ela "
    "elas ele eles em entre era essa esse esta está este eu fazer foi há isso isto já lhe mais mas me melhor "
    "melhores mesmo meu minha muito na nada não nas nem no nos nós o onde os ou outra outro para pela pelas pelo "
    "pelos por porque quais qual quando que quê quem se sem ser seu seus só sobre sua suas também te tem ter todo "
    "todos tu um uma umas uns usar você",
}  # fmt: skip
FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}

# Words of a sentence beyond which it counts as long.
_SENTENCE_WORDS = {
    "ca": 25,
    "es": 25,
    "fa": 25,
    "it": 25,
    "pt": 25,
    "he": 15,
    "ru": 15,
    "tr": 15,
    "ja": 40,
    "zh": 40,
}


@dataclass(frozen=True)
class Language:
    """`code` is of ISO 639-1. `unspaced`: words are counted in characters, of which a text has twice as many."""

    code: str

    @property
    def unspaced(self) -> bool:
        return self.code in ("ja", "zh")

    @property
    def scale(self) -> int:
        return 2 if self.unspaced else 1

    @property
    def function_words(self) -> frozenset[str]:
        return FUNCTION_WORDS.get(self.code, frozenset())

    @property
    def sentence_words(self) -> int:
        return _SENTENCE_WORDS.get(self.code, 20)


def language_of(tag: str) -> Language:
    """Of a tag as "de-AT" or "pt_BR"; English where it says nothing."""
    return Language(re.split("[-_]", tag.strip().lower())[0] or "en")


def normal(text: str) -> str:
    """The form in which two spellings are equal: NFKC, without case, straight quotes."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_QUOTES)


def words(text: str) -> list[str]:
    """The words in their normal form, in order. A hyphen ends a word, an apostrophe in it does not."""
    found = (word.strip("'") if "'" in word else word for word in _WORD.findall(normal(text)))
    return [word for word in found if word and (word[0].isalnum() or any(map(str.isalnum, word)))]


def holds_unspaced(text: str) -> bool:
    return bool(_IS_UNSPACED.search(text))


# The library takes the square of a text's length where that holds many quotation marks: longer ones are cut before.
_AT_A_TIME = 4_000
_FULL_STOP = re.compile("(?<=[。！？!?])")


def sentences(text: str, language: Language) -> list[str]:
    """The sentences, without those that hold no word."""
    # Scripts without spaces have one full stop and no abbreviations, and cost the library the square of the length.
    parts = _FULL_STOP.split(text) if holds_unspaced(text) else _segments(text, language)
    return [sentence.strip() for sentence in parts if any(map(str.isalnum, sentence))]


def _segments(text: str, language: Language) -> Iterator[str]:
    """As the library cuts it, at most `_AT_A_TIME` characters at a time; what a part ends in goes on in the next."""
    at = 0
    while len(text) - at > _AT_A_TIME:
        window = text[at : at + _AT_A_TIME]
        *whole, last = segment(language.code, window)
        cut = window.rfind(last) if whole else 0
        yield from whole if cut > 0 else [window]
        at += cut if cut > 0 else len(window)
    yield from segment(language.code, text[at:])


_VOWELS = re.compile("[aeiouyàâäáãåæèéêëìíîïòóôõöøœùúûüýÿąęěůőűıаеёиоуыэюяіїєαεηιουωάέήίόύώ]+")
_SILENT = re.compile("[^aeiouy](?:e|es|ed)$")
_SOUNDED = re.compile("(?:[^aeiouy]le|[td]ed|(?:s|c|x|z|ch|sh|g)es)$")


def syllables(word: str, language: Language) -> int:
    """The groups of vowels, at least 1; in English without the silent e. Off by 0.4 % in common English words."""
    return _syllables(word[:40], language.code == "en")


@lru_cache(maxsize=16384)
def _syllables(word: str, english: bool) -> int:
    count = len(_VOWELS.findall(word))
    if english and count > 1 and _SILENT.search(word) and not _SOUNDED.search(word):
        count -= 1
    return max(1, count)
