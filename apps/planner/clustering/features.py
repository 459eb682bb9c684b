"""What a keyword looks like: a dense vector of its meaning and a sparse one of its words and letters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from scipy import sparse

from .text import FUNCTION_WORDS, script, singular, words
from .tiers import MINILM, STATIC, Tier

LETTERS = 3
COMMON = 0.6
SUBJECT, FACET = 0.9, 0.2


@dataclass(frozen=True)
class Features:
    """`meaning`: n x 256 or 384 float32, unit rows (zero where nothing is known). `wording`: n x features CSR,
    float32, scaled so that a row product is the share of words and letters in the similarity; `weight` is that of
    meaning."""

    meaning: np.ndarray
    wording: sparse.csr_matrix
    weight: float


LARGE = 20_000


def laid_aside(features: Features) -> Callable[[], Features]:
    """Takes the features of a large set out of memory, for the time that Leiden needs it; what it returns brings them
    back. They are not made anew, which takes minutes with a language model. Nobody else may hold `features`."""
    if len(features.meaning) < LARGE:
        return lambda: features
    wording, weight, shape = features.wording, features.weight, features.wording.shape
    arrays = [features.meaning, wording.data, wording.indices, wording.indptr]
    file = TemporaryFile()  # noqa: SIM115  closed when they are back
    try:
        for array in arrays:
            np.save(file, array)
    except OSError:  # the disk is full: then they stay
        file.close()
        return lambda: features

    def back() -> Features:
        with file:
            file.seek(0)
            meaning, *parts = (np.load(file) for _ in range(4))
            return Features(meaning, sparse.csr_matrix(tuple(parts), shape), weight)

    return back


def build_features(
    texts: Sequence[str], tier: Tier = STATIC, tick: Callable[[float], None] = lambda share: None
) -> Features:
    """Features of normalised, non-empty `texts`. Weights depend on the whole set, not on its order. `tick` hears the
    share done of what takes long."""
    vocabulary, counts, pairs = _count_words(texts)
    wording = _wording(vocabulary, counts, _word_features(vocabulary, counts, pairs), tier)
    if tier is MINILM:
        from .encoder import encode

        return Features(_centred(encode(texts, tick), texts), wording, tier.meaning)
    return Features(_static_meaning(texts, vocabulary, counts), wording, tier.meaning)


def build_facets(texts: Sequence[str]) -> tuple[Features, float, bool]:
    """Features of texts about one subject by what tells them apart: without function words, without words that more
    than COMMON of the texts share, and without word order; texts of nothing else have no features. Second, the share
    of those common words among all but the function words. Third, whether nearly all name one subject (SUBJECT) and
    no other word is in many of them (FACET): then they ask different things of it."""
    vocabulary, counts, _ = _count_words(texts)
    naming = np.array([word not in FUNCTION_WORDS for word in vocabulary])
    folded = _fold(vocabulary)
    used_by = np.bincount((counts @ folded).tocsr().indices, minlength=folded.shape[1])
    share = np.where(naming, folded @ used_by / len(texts), 0)
    common = share > COMMON
    subject = share >= SUBJECT
    one_subject = bool(subject.any() and share[~subject].max(initial=0) <= FACET)
    lengths, shared = counts @ naming, counts @ common
    telling = naming & ~common
    vocabulary, counts = (
        [word for word, kept in zip(vocabulary, telling, strict=True) if kept],
        counts[:, telling],
    )
    wording = _wording(vocabulary, counts, counts @ _fold(vocabulary), STATIC)
    features = Features(_static_meaning(texts, vocabulary, counts), wording, STATIC.meaning)
    return features, float(np.mean(shared / np.maximum(lengths, 1))), one_subject


def _static_meaning(texts, vocabulary, counts) -> np.ndarray:
    vectors, tokens = word_sums(vocabulary)
    meaning = counts @ vectors
    meaning /= np.maximum(counts @ tokens, 1)[:, None]
    return _centred(meaning, texts)


def _wording(vocabulary, counts, word_counts, tier: Tier) -> sparse.csr_matrix:
    wording = sparse.hstack([_tfidf(word_counts), _tfidf(counts @ _letters(vocabulary))], format="csr")
    wording *= np.float32(np.sqrt(tier.wording))
    return wording


def _centred(meaning, texts) -> np.ndarray:
    """`meaning` itself with unit rows, and without what all texts of a script share: the token vectors say "this is
    Russian" louder than what it is about. In a script of one or two texts that would leave nothing."""
    mean = meaning.mean(axis=0, dtype=np.float64).astype(np.float32)
    scripts = np.array([script(text) for text in texts])
    found, counts = np.unique(scripts, return_counts=True)
    for name in found[counts >= 3] if len(found) > 1 else ():
        own = np.flatnonzero(scripts == name)
        # The mean of the whole set is taken off all of them below.
        meaning[own] += mean - meaning[own].mean(axis=0, dtype=np.float64).astype(np.float32)
    meaning -= mean
    return unit_rows(meaning)


def unit_rows(matrix: np.ndarray) -> np.ndarray:
    """`matrix` itself with rows of length 1. A row that is only rounding noise after centring becomes 0."""
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix *= np.where(norms > 1e-5, 1 / np.maximum(norms, 1e-5), 0).astype(np.float32)
    return matrix


def _count_words(texts: Sequence[str]):
    """(vocabulary, n x words count matrix, neighbouring words as (rows, words, next words))."""
    split = [words(text) for text in texts]
    vocabulary = sorted(set(chain.from_iterable(split)))
    number = {word: i for i, word in enumerate(vocabulary)}
    lengths = np.fromiter(map(len, split), np.int64, len(split))
    flat = np.fromiter((number[word] for word in chain.from_iterable(split)), np.int64, int(lengths.sum()))
    rows = np.repeat(np.arange(len(split)), lengths)
    counts = _count_matrix(rows, flat, (len(split), len(vocabulary)))
    inside = rows[1:] == rows[:-1]
    return vocabulary, counts, (rows[:-1][inside], flat[:-1][inside], flat[1:][inside])


def _count_matrix(rows, columns, shape) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _word_features(vocabulary, counts, neighbours) -> sparse.csr_matrix:
    """Counts of words and of pairs of neighbouring words, plurals folded."""
    folding = _fold(vocabulary)
    fold = folding.indices.astype(np.int64)
    rows, left, right = neighbours
    pairs, columns = np.unique(fold[left] * folding.shape[1] + fold[right], return_inverse=True)
    return sparse.hstack(
        [counts @ folding, _count_matrix(rows, columns, (counts.shape[0], len(pairs)))], format="csr"
    )


def _fold(vocabulary) -> sparse.csr_matrix:
    """words x stems, one 1 a row."""
    stems = sorted({singular(word) for word in vocabulary})
    number = {stem: i for i, stem in enumerate(stems)}
    columns = np.array([number[singular(word)] for word in vocabulary], np.int64)
    return _count_matrix(np.arange(len(vocabulary)), columns, (len(vocabulary), len(stems)))


def _letters(vocabulary) -> sparse.csr_matrix:
    """words x letter n-grams, word boundaries counted as letters. Counted once a word, not once a keyword."""
    number: dict[str, int] = {}
    rows, columns = [], []
    for row, word in enumerate(vocabulary):
        padded = f" {word} "
        for start in range(max(len(padded) - LETTERS, 0) + 1):
            rows.append(row)
            columns.append(number.setdefault(padded[start : start + LETTERS], len(number)))
    return _count_matrix(
        np.array(rows, np.int64), np.array(columns, np.int64), (len(vocabulary), len(number))
    )


def _tfidf(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Sublinear TF-IDF with unit rows, in float32. (scikit-learn's is the same; importing it takes a second and
    60 MB.)"""
    counts = counts.tocsr()
    counts.sum_duplicates()
    used_by = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log((1 + counts.shape[0]) / (1 + used_by)) + 1
    values = (1 + np.log(counts.data)) * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=counts.shape[0]))
    return sparse.csr_matrix(
        ((values / lengths[rows]).astype(np.float32), counts.indices, counts.indptr), counts.shape
    )


def word_sums(vocabulary: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(words x 256 sums of token vectors, tokens per word). The same word has the same row, always."""
    table, tokenizer = _static_model()
    if not vocabulary:
        return np.zeros((0, table.shape[1]), np.float32), np.zeros(0, np.float32)
    encoded = [e.ids for e in tokenizer.encode_batch(list(vocabulary), add_special_tokens=False)]
    tokens = np.fromiter(map(len, encoded), np.int64, len(encoded))
    flat = np.fromiter(chain.from_iterable(encoded), np.int64, int(tokens.sum()))
    rows = np.repeat(np.arange(len(encoded)), tokens)
    used, flat = np.unique(flat, return_inverse=True)
    vectors = table[used].astype(np.float32)
    return _count_matrix(rows, flat, (len(encoded), len(used))) @ vectors, tokens.astype(np.float32)


@cache
def _static_model():
    """The 32,000 x 256 token vectors and the tokenizer that the wordllama wheel ships as files; its code, which
    wants to download models, is never run."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    root = Path(find_spec("wordllama").origin).parent
    table = load_file(root / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(root / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return table, tokenizer
