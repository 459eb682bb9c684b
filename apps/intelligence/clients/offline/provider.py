"""The provider that is always there: no key, no network, the same answer to the same question."""

import hashlib
import json
import random
from typing import Any

from ..base import ImageAnswer, ImageRequest, ProviderRefused, TextAnswer, TextRequest, validate_answer
from . import embeddings
from .article import article
from .ideas import cluster_names, ideas
from .image_prompts import image_prompts
from .linking import linking
from .long_article import frame, outline, section
from .optimize import optimize
from .picture import draw

MODEL = "offline"


class OfflineProvider:
    """Answers from `inputs` alone, and says in what it writes that it is an offline draft. Uses no tokens."""

    name = "offline"

    def text(self, request: TextRequest) -> TextAnswer:
        inputs = request.inputs
        match request.function:
            case "cluster_names":
                data = cluster_names(inputs)
            case "ideas":
                data = ideas(inputs)
            case "content":
                data = article(inputs, _random(inputs))
            case "content_outline":
                data = outline(inputs)
            case "content_section":
                data = section(inputs, _random(inputs))
            case "content_frame":
                data = frame(inputs)
            case "image_prompts":
                data = image_prompts(inputs)
            case "linking":
                data = linking(inputs)
            case "optimize":
                data = optimize(inputs)
            case function:
                raise ProviderRefused(
                    f"The offline provider cannot do “{function}”. Set up an AI provider in the settings."
                )
        return TextAnswer(validate_answer(json.dumps(data), request.schema), MODEL, 0, 0, 1)

    def image(self, request: ImageRequest) -> ImageAnswer:
        title = str(request.inputs.get("title") or request.prompt)
        picture = draw(title, request.size, _random({"prompt": request.prompt, "title": title}))
        return ImageAnswer(picture, "image/png", MODEL, 0, 0)

    def embed(self, texts: list[str], model: str) -> list[list[float]]:
        return embeddings.embed(texts)

    def check(self, model: str = "", *, listed: bool = False) -> None:
        """Nothing can be wrong with it."""


def _random(inputs: dict[str, Any]) -> random.Random:
    seed = json.dumps(inputs, sort_keys=True, ensure_ascii=True, default=str)
    return random.Random(hashlib.sha256(seed.encode()).digest())
