"""Static word embeddings, of the matrix and the tokenizer that the wordllama package brings along."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
WEIGHTS = "weights/l2_supercat_256.safetensors"


def embed(texts: list[str]) -> list[list[float]]:
    """The mean of the vectors of a text's tokens: 256 numbers of length 1, zeros for no tokens."""
    tokenizer, matrix = _model()
    out = np.zeros((len(texts), matrix.shape[1]), dtype=np.float32)
    for row, encoding in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        if encoding.ids:
            vector = matrix[encoding.ids].astype(np.float32).mean(axis=0)
            out[row] = vector / (np.linalg.norm(vector) or 1.0)
    return out.tolist()


@lru_cache(maxsize=1)
def _model() -> tuple[Tokenizer, np.ndarray]:
    folder = Path(find_spec("wordllama").origin).parent
    return Tokenizer.from_file(str(folder / TOKENIZER)), next(iter(load_file(folder / WEIGHTS).values()))
