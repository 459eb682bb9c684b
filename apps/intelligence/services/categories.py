"""What the shops' category names mean in our own tree."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Count, Max, Q
from django.utils import timezone

from apps.accounts.models import User
from apps.intelligence.models import MAPS, CategoryMapping, InternalCategory
from apps.intelligence.services.calls import embed_call
from apps.intelligence.services.following import search_follow_some
from apps.parsing.models import ExternalCategory

EXAMPLES = 5
SUGGESTED_AT_ONCE = 500
TREE_RESTS = timedelta(minutes=15)
# The condition MAPS, for statements of our own in which the mapping is `m`.
MAPPED = "(m.origin <> 'suggestion' OR m.is_verified)"

_TASKS = f"""
WITH open AS MATERIALIZED (
  SELECT c.id, c.name FROM parsing_externalcategory c
  LEFT JOIN intelligence_categorymapping m ON m.external_id = c.id AND {MAPPED}
  WHERE m.external_id IS NULL
),
counted AS MATERIALIZED (
  SELECT o.id, o.name, n.count FROM open o
  LEFT JOIN LATERAL (SELECT count(*) FROM intelligence_productsearch s WHERE s.category_id = o.id) AS n ON true
  ORDER BY n.count DESC, o.id LIMIT %s
)
SELECT n.id, n.name, n.count, ARRAY(
    SELECT p.title FROM parsing_product p WHERE p.id = ANY(ARRAY(
      SELECT product_id FROM intelligence_productsearch s WHERE s.category_id = n.id LIMIT {EXAMPLES}))),
  m.internal_id, m.confidence
FROM counted n LEFT JOIN intelligence_categorymapping m ON m.external_id = n.id
ORDER BY n.count DESC, n.id
"""  # noqa: S608


@dataclass
class Mapped:
    updated: int = 0
    rejected: list[dict] = field(default_factory=list)


def category_paths() -> dict[int, str]:
    """The active categories by id, each as "Home > Kitchen > Mugs"; what stands below an inactive one is inactive."""
    rows = InternalCategory.objects.filter(is_active=True).values_list("id", "name", "parent_id")
    known = {pk: (name, parent) for pk, name, parent in rows}
    paths: dict[int, str] = {}
    for pk in known:
        names, at = [], pk
        while at in known and len(names) <= InternalCategory.DEPTH:
            names.append(known[at][0])
            at = known[at][1]
        if at is None:
            paths[pk] = InternalCategory.SEPARATOR.join(reversed(names))
    return paths


def category_tree() -> list[dict]:
    """The active categories in the order of their paths, with how many names are mapped to each."""
    paths = category_paths()
    counts = dict(
        CategoryMapping.objects.filter(MAPS)
        .values_list("internal")
        .annotate(n=Count("*"))
        .values_list("internal", "n")
    )
    rows = InternalCategory.objects.filter(pk__in=paths).values(
        "id", "name", "slug", "parent_id", "description"
    )
    tree = [{**row, "path": paths[row["id"]], "mapped_names": counts.get(row["id"], 0)} for row in rows]
    return sorted(tree, key=lambda row: row["path"])


def mapping_tasks(*, limit: int) -> list[dict]:
    """Names that mean nothing yet, the most used first, each with examples and what we would guess. The counts are
    those of the search, which is some seconds behind a large ingestion.
    """
    search_follow_some()
    with connection.cursor() as cursor:
        cursor.execute(_TASKS, [limit])
        rows = cursor.fetchall()
    paths = category_paths() if any(row[4] for row in rows) else {}
    return [
        {
            "external_name": name,
            "count": count,
            "examples": examples,
            "suggestion": {
                "internal_category_id": internal_id,
                "path": paths[internal_id],
                "confidence": confidence,
            }
            if internal_id in paths
            else None,
        }
        for _, name, count, examples, internal_id, confidence in rows
    ]


def mappings_submit(*, results: list) -> Mapped:
    """Maps names as a worker says; what does not fit is told by its place. Staff's own mappings stay as they are."""
    mapped = Mapped()
    wanted: dict[str, tuple[int, int]] = {}
    for index, raw in enumerate(results):
        try:
            name, internal_id = _read(raw)
        except ValueError as error:
            mapped.rejected.append({"index": index, "reason": str(error)})
        else:
            wanted[name] = (index, internal_id)
    names = dict(ExternalCategory.objects.filter(name__in=list(wanted)).values_list("name", "pk"))
    internal = category_paths()
    reasons = {
        name: "There is no external category of this name."
        if name not in names
        else f"There is no internal category {internal_id}."
        for name, (_, internal_id) in wanted.items()
        if name not in names or internal_id not in internal
    }
    rows = [(names[name], pk, "worker", None) for name, (_, pk) in wanted.items() if name not in reasons]
    written = _upsert(rows, unless="m.is_verified")
    mapped.updated = len(written)
    for name, (index, _) in wanted.items():
        if name not in reasons and names[name] not in written:
            reasons[name] = "Staff has verified its mapping; it stays."
        if name in reasons:
            mapped.rejected.append({"index": index, "reason": reasons[name]})
    mapped.rejected.sort(key=lambda rejection: rejection["index"])
    return mapped


_UPSERT = """
INSERT INTO intelligence_categorymapping AS m (external_id, internal_id, origin, confidence, is_verified, updated_at)
SELECT *, false, now() FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::float8[])
ORDER BY 1
ON CONFLICT (external_id) DO UPDATE SET internal_id = EXCLUDED.internal_id, origin = EXCLUDED.origin,
  confidence = EXCLUDED.confidence, updated_at = EXCLUDED.updated_at
WHERE NOT ({unless})
RETURNING external_id
"""


def _upsert(rows: list[tuple[int, int, str, float | None]], *, unless: str) -> set[int]:
    """Writes (external, internal, origin, confidence) and returns which. What `unless` holds for by then stays: whoever
    looked before might write over what staff says at the same moment."""
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT.format(unless=unless), [list(column) for column in zip(*rows, strict=True)])
        return {pk for (pk,) in cursor.fetchall()}


def mappings_suggest(*, limit: int = SUGGESTED_AT_ONCE) -> int:
    """Guesses names that have no mapping by the nearness of their embeddings, and returns how many it looked at.

    The confidence is the cosine between a name and the path of a category with its description, 0 to 1. Once the tree
    has rested for a while, guesses that are older than it are made anew.
    """
    paths = category_paths()
    if not paths:
        return 0
    waits = Q(mapping=None)
    changed = InternalCategory.objects.aggregate(at=Max("updated_at"))["at"]
    if changed < timezone.now() - TREE_RESTS:
        waits |= Q(
            mapping__origin=CategoryMapping.Origin.SUGGESTION,
            mapping__is_verified=False,
            mapping__updated_at__lt=changed,
        )
    names = list(ExternalCategory.objects.filter(waits).order_by("pk").values_list("pk", "name")[:limit])
    if not names:
        return 0
    described = dict(InternalCategory.objects.values_list("pk", "description"))
    ids = list(paths)
    ours = [f"{paths[pk].replace(InternalCategory.SEPARATOR, ' ')} {described[pk]}".strip() for pk in ids]
    vectors = np.asarray(embed_call(texts=ours + [name for _, name in names]), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    nearness = vectors[len(ours) :] @ vectors[: len(ours)].T
    best = nearness.argmax(axis=1)
    rows = [
        (pk, ids[best[n]], "suggestion", round(float(np.clip(nearness[n, best[n]], 0, 1)), 4))
        for n, (pk, _) in enumerate(names)
    ]
    # A worker or staff may have mapped one meanwhile: that stands.
    _upsert(rows, unless=MAPPED)
    return len(rows)


def mappings_verify(*, mappings: list[int], user: User | None) -> int:
    """Staff says that these are right: they hold, and no worker changes them. Returns how many were not verified."""
    return CategoryMapping.objects.filter(pk__in=mappings, is_verified=False).update(
        is_verified=True, verified_by=user, verified_at=timezone.now(), updated_at=timezone.now()
    )


def external_ids(*, internal_id: int | None = None, name: str = "") -> list[int]:
    """The shops' categories that mean an internal one or what stands below it, or that have this name, or both."""
    rows = ExternalCategory.objects.all()
    if internal_id is not None:
        rows = rows.filter(
            Q(mapping__origin__in=("worker", "staff")) | Q(mapping__is_verified=True),
            mapping__internal_id__in=_below(internal_id),
        )
    if name:
        rows = rows.filter(name=name)
    return list(rows.values_list("pk", flat=True))


def _below(internal_id: int) -> set[int]:
    """A category and all that stands below it."""
    children: dict[int | None, list[int]] = {}
    for pk, parent in InternalCategory.objects.values_list("id", "parent_id"):
        children.setdefault(parent, []).append(pk)
    found: set[int] = set()
    left = [internal_id]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += children.get(at, ())
    return found


def _read(raw: Any) -> tuple[str, int]:
    if not isinstance(raw, dict):
        raise ValueError("An object is needed.")
    name, internal_id = raw.get("external_name"), raw.get("internal_category_id")
    if not isinstance(name, str) or not name:
        raise ValueError("external_name: A text is needed.")
    if isinstance(internal_id, bool) or not isinstance(internal_id, int) or not 0 < internal_id < 2**63:
        raise ValueError("internal_category_id: The id of an internal category is needed.")
    return name, internal_id
