"""Scores that come back from workers, ours or others', whenever they come."""

import math
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.intelligence.axes import AXIS_NAMES
from apps.intelligence.models import ProductScore, ScoringLease
from apps.intelligence.services.following import search_take_scores
from apps.parsing.models import Product

OUTDATED = "Its text has changed since it was handed out; it is listed again."
UNKNOWN = "There is no product with this gift_id."


@dataclass(frozen=True, slots=True)
class Score:
    """A worker's judgement of one product. `text_version`: of the text that it read, where it says so."""

    gift_id: str
    gift_score: float
    reasoning: str = ""
    vector: dict[str, float] | None = None
    scoring_model: str = ""
    scoring_version: str = ""
    text_version: int | None = None

    @classmethod
    def read(cls, raw: Any) -> "Score":
        """Raises ValueError with a sentence for what does not fit."""
        if not isinstance(raw, dict):
            raise ValueError("An object is needed.")
        gift_id = raw.get("gift_id")
        if not isinstance(gift_id, str) or not gift_id:
            raise ValueError("gift_id: A text is needed.")
        version = raw.get("text_version")
        if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
            raise ValueError("text_version: A whole number is needed.")
        return cls(
            gift_id=gift_id,
            gift_score=_number(raw.get("llm_gift_score"), 10, "llm_gift_score"),
            reasoning=_text(raw, "llm_gift_reasoning", 20_000),
            vector=_vector(raw.get("llm_gift_vector")),
            scoring_model=_text(raw, "llm_scoring_model", 200),
            scoring_version=_text(raw, "llm_scoring_version", 100),
            text_version=version,
        )


@dataclass
class Submitted:
    updated: int = 0
    rejected: list[dict] = field(default_factory=list)


def scores_submit(*, results: list, worker: str = "") -> Submitted:
    """Stores what fits and tells what does not, by its place in `results`. The same results again change nothing.

    A score counts when the text that its worker read is the product's present one, whoever has the lease by now.
    Without the worker's name or the version of the text, the oldest that is out is taken to be it.
    """
    scores: dict[str, tuple[int, Score]] = {}
    submitted = Submitted()
    for index, raw in enumerate(results):
        try:
            score = Score.read(raw)
        except ValueError as error:
            gift_id = raw.get("gift_id") if isinstance(raw, dict) else None
            submitted.rejected.append(_rejection(index, gift_id, str(error)))
        else:
            scores[score.gift_id] = (index, score)
    if scores:
        _store(scores, worker, submitted)
    submitted.rejected.sort(key=lambda rejection: rejection["index"])
    return submitted


def _store(scores: dict[str, tuple[int, Score]], worker: str, submitted: Submitted) -> None:
    now = timezone.now()
    with transaction.atomic():
        # In the order of gift_id, as ingestion locks them: the two wait for each other and never dead-lock.
        products = {
            product.gift_id: product
            for product in Product.objects.filter(gift_id__in=list(scores))
            .order_by("gift_id")
            .select_for_update(no_key=True)
            .only("gift_id", "text_version", "scored_version")
        }
        ids = [product.pk for product in products.values()]
        leases = ScoringLease.objects.in_bulk(ids)
        rows, ended = [], []
        for gift_id, (index, score) in scores.items():
            product = products.get(gift_id)
            if product is None:
                submitted.rejected.append(_rejection(index, gift_id, UNKNOWN))
                continue
            ended.append(product.pk)
            if _version_read(score, worker, leases.get(product.pk), product) != product.text_version:
                submitted.rejected.append(_rejection(index, gift_id, OUTDATED))
                continue
            rows.append(_row(product, score, worker, now))
        _write(rows)
        # Also of what was outdated: it is free for who comes next.
        _end_leases(ended, worker)
        search_take_scores(ids=[row.product_id for row in rows])
    submitted.updated = len(rows)


def _version_read(score: Score, worker: str, lease: ScoringLease | None, product: Product) -> int:
    """The version of the text that a score judges; 0 for one that can not be."""
    if score.text_version is not None:
        return score.text_version
    if lease is None:
        # Nobody was handed it: a worker that got the product elsewhere judges what is there.
        return product.text_version
    if worker and worker == lease.worker:
        return lease.text_version
    if worker and worker in lease.earlier:
        return lease.earlier[worker]
    return min(lease.text_version, *lease.earlier.values()) if lease.earlier else lease.text_version


def _row(product: Product, score: Score, worker: str, now) -> ProductScore:
    return ProductScore(
        product=product,
        text_version=product.text_version,
        gift_score=score.gift_score,
        reasoning=score.reasoning,
        vector=score.vector,
        scoring_model=score.scoring_model,
        scoring_version=score.scoring_version,
        worker=worker,
        scored_at=now,
    )


_WRITE = """
INSERT INTO intelligence_productscore AS s (product_id, text_version, gift_score, reasoning, vector, scoring_model,
  scoring_version, worker, scored_at)
SELECT * FROM unnest(%s::bigint[], %s::int[], %s::float8[], %s::text[], %s::jsonb[], %s::text[], %s::text[],
  %s::text[], %s::timestamptz[])
ON CONFLICT (product_id) DO UPDATE SET text_version = EXCLUDED.text_version, gift_score = EXCLUDED.gift_score,
  reasoning = EXCLUDED.reasoning, scoring_model = EXCLUDED.scoring_model,
  scoring_version = EXCLUDED.scoring_version, worker = EXCLUDED.worker, scored_at = EXCLUDED.scored_at,
  -- A score without axes does not take away those that judge the same text.
  vector = coalesce(EXCLUDED.vector, CASE WHEN s.text_version = EXCLUDED.text_version THEN s.vector END)
WHERE (s.text_version, s.gift_score, s.reasoning, s.vector, s.scoring_model, s.scoring_version)
  IS DISTINCT FROM (EXCLUDED.text_version, EXCLUDED.gift_score, EXCLUDED.reasoning,
    coalesce(EXCLUDED.vector, s.vector), EXCLUDED.scoring_model, EXCLUDED.scoring_version)
"""


def _write(rows: list[ProductScore]) -> None:
    if not rows:
        return
    fields = [f for f in ProductScore._meta.concrete_fields]
    columns = [[f.get_db_prep_save(getattr(row, f.attname), connection) for row in rows] for f in fields]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)
        cursor.execute(
            "UPDATE parsing_product SET scored_version = text_version"
            " WHERE id = ANY(%s) AND scored_version <> text_version",
            [[row.product_id for row in rows]],
        )


def _end_leases(ids: list[int], worker: str) -> None:
    """The lease ends where it begins, which says that it was not merely left to run out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intelligence_scoringlease SET until = leased_at WHERE product_id = ANY(%s) AND until <> leased_at",
            [ids],
        )


def _rejection(index: int, gift_id: Any, reason: str) -> dict:
    return {"index": index, "gift_id": gift_id if isinstance(gift_id, str) else None, "reason": reason}


def _number(value: Any, most: float, name: str) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not 0 <= value <= most:
        raise ValueError(f"{name}: A number from 0 to {most:g} is needed.")
    return float(value)


def _text(raw: dict, name: str, longest: int) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"{name}: A text is needed.")
    return str(value)[:longest]


def _vector(value: Any) -> dict[str, float] | None:
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise ValueError("llm_gift_vector: An object of the ten axes is needed.")
    if set(value) != set(AXIS_NAMES):
        missing = [axis for axis in AXIS_NAMES if axis not in value]
        unknown = [name[:50] for name in value if name not in AXIS_NAMES]
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has the unknown {', '.join(unknown[:5])}"] if unknown else []
        raise ValueError(f"llm_gift_vector: It {' and '.join(said)}. The axes are {', '.join(AXIS_NAMES)}.")
    return {axis: _number(value[axis], 1, f"llm_gift_vector.{axis}") for axis in AXIS_NAMES}
