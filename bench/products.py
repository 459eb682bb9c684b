"""How fast products are found among a million, against the usual query over their own tables.

    make bench-products        (ROWS=1000000 ROUNDS=9)

Both answer the same page of 50, as dicts, in turns:

  ours   products_search: the row of the search, its ids first, then what is shown; looking for changes is part of it
  plain  Product and ProductScore joined by the ORM: icontains, JSON keys, order_by, a slice

in a scratch database beside the configured one, which is dropped at the end. Two thirds of the products are scored.
`ratio <query>` is the median of plain over ours; `ratio products` the smallest of these. The milliseconds of ours are
printed beside, as is how many products a second the search takes over behind an ingestion.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

ROWS = int(os.environ.get("ROWS", 1_000_000))
ROUNDS = int(os.environ.get("ROUNDS", 9))
DATABASE = "bench_igny8_products"
PAGE = 50

# Words by how many of the titles hold them: from a fifth to one in some thousands.
COMMON = "blue red green small large soft".split()
KINDS = "mug lamp scarf candle notebook teapot blanket puzzle wallet planter".split()
FILL = """
INSERT INTO parsing_externalcategory (name) SELECT 'Category ' || n FROM generate_series(1, 500) AS n;
INSERT INTO intelligence_internalcategory (name, slug, description, is_active, created_at, updated_at)
  SELECT 'Ours ' || n, 'ours-' || n, '', true, now(), now() FROM generate_series(1, 50) AS n;
INSERT INTO intelligence_categorymapping (external_id, internal_id, origin, is_verified, updated_at)
  SELECT c.id, i.id, 'worker', false, now()
  FROM parsing_externalcategory c JOIN intelligence_internalcategory i ON i.name = 'Ours ' || c.id %% 50 + 1;
INSERT INTO parsing_product (gift_id, site_key, product_url, title, description, price, currency, image_url, merchant,
    category_id, scored_version, created_at, updated_at)
  SELECT 'shop' || n %% 40 || ':https://shop.example/p/' || n, 'shop' || n %% 40, 'https://shop.example/p/' || n,
    (%(common)s::text[])[1 + (hashint4(n) & 2147483647) %% 6] || ' '
      || (%(kinds)s::text[])[1 + (hashint4(n + 7) & 2147483647) %% 10]
      || ' model' || (hashint4(n + 13) & 2147483647) %% 20000 || ' no ' || n,
    'A thing of material' || (hashint4(n + 3) & 2147483647) %% 300 || ' for people who like quality'
      || (hashint4(n + 5) & 2147483647) %% 50 || ' in every day of their life at home.',
    (hashint4(n + 17) & 2147483647) %% 30000 / 100.0, 'EUR', '', 'Merchant ' || n %% 200,
    1 + (hashint4(n + 19) & 2147483647) %% 500, CASE WHEN n %% 3 > 0 THEN 1 ELSE 0 END,
    now() - make_interval(mins => %(rows)s - n), now() - make_interval(secs => (%(rows)s - n) / 100.0 + 3600)
  FROM generate_series(1, %(rows)s) AS n;
INSERT INTO intelligence_productscore (product_id, text_version, gift_score, reasoning, scoring_model, scoring_version,
    worker, scored_at, vector)
  SELECT id, 1, (hashint8(id) & 2147483647) %% 1000 / 100.0, '', 'bench', '1', '', now(),
    jsonb_build_object({vector})
  FROM parsing_product WHERE scored_version = 1;
"""


def fill() -> float:
    """A million products, and the search's rows of them; returns how many a second the search took over."""
    from django.db import connection

    from apps.intelligence.axes import AXIS_NAMES
    from apps.intelligence.services.following import SWEEP_BATCH, search_follow

    vector = ", ".join(
        f"'{axis}', (hashint8(id + {n}) & 2147483647) %% 1000 / 1000.0" for n, axis in enumerate(AXIS_NAMES)
    )
    with connection.cursor() as cursor:
        for statement in FILL.format(vector=vector).split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"common": COMMON, "kinds": KINDS, "rows": ROWS})
        cursor.execute("VACUUM ANALYZE parsing_product")
        cursor.execute("ANALYZE intelligence_productscore")
    # The rate is that of the last batch, into indexes that are there; most is taken over before they are built.
    indexes = drop_indexes()
    while search_follow(limit=200_000) == 200_000:
        pass
    with connection.cursor() as cursor:
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute(
            "UPDATE parsing_product SET updated_at = now() WHERE id > (SELECT max(id) FROM parsing_product) - %s",
            [SWEEP_BATCH],
        )
        began = time.perf_counter()
        taken = search_follow()
        rate = taken / (time.perf_counter() - began)
        cursor.execute("VACUUM ANALYZE intelligence_productsearch")
        cursor.execute("VACUUM ANALYZE parsing_product")
    return rate


def drop_indexes() -> list[str]:
    """Drops the search's indexes but its key and returns how they are made again."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'intelligence_productsearch'"
            " AND indexname LIKE 'search\\_%'"
        )
        found = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def plain(order: str, **conditions) -> list[dict]:
    from apps.parsing.models import Product

    words = conditions.pop("words", ())
    rows = Product.objects.filter(**conditions)
    for word in words:
        rows = rows.filter(title__icontains=word) | rows.filter(description__icontains=word)
    rows = rows.select_related("category__mapping__internal", "score").order_by(order, "-id")[:PAGE]
    return [
        {
            "id": p.pk,
            "title": p.title,
            "category": p.category and p.category.name,
            "score": getattr(p, "score", None) and p.score.gift_score,
        }
        for p in rows
    ]


def ours(**query) -> list[dict]:
    from apps.intelligence.services.search import ProductQuery, products_search

    return products_search(ProductQuery(limit=PAGE, **query))


def queries() -> dict[str, tuple[Callable, Callable]]:
    from django.db.models import F

    from apps.intelligence.models import InternalCategory

    first = InternalCategory.objects.order_by("pk")[0].pk
    by_score = F("score__gift_score").desc(nulls_last=True)
    by_rest = F("score__vector__rest").desc(nulls_last=True)
    return {
        "newest": (lambda: ours(), lambda: plain("-id")),
        "rare_word": (lambda: ours(text="model777"), lambda: plain("-id", words=["model777"])),
        "common_words": (
            lambda: ours(text="blue mug", ordering="-score"),
            lambda: plain(by_score, words=["blue", "mug"]),
        ),
        "never_together": (
            lambda: ours(text="blue red", ordering="-score"),
            lambda: plain(by_score, words=["blue", "red"]),
        ),
        "axis": (
            lambda: ours(axes={"rest": (0.9, None)}, ordering="-rest"),
            lambda: plain(by_rest, score__vector__rest__gte=0.9),
        ),
        "axes": (
            lambda: ours(
                axes={"rest": (0.9, None), "memory": (0.9, None), "taste": (None, 0.2)}, ordering="-score"
            ),
            lambda: plain(
                by_score,
                score__vector__rest__gte=0.9,
                score__vector__memory__gte=0.9,
                score__vector__taste__lte=0.2,
            ),
        ),
        "rare_axes": (
            lambda: ours(
                axes={a: (0.95, None) for a in ("rest", "memory", "taste", "order")}, ordering="-score"
            ),
            lambda: plain(
                by_score, **{f"score__vector__{a}__gte": 0.95 for a in ("rest", "memory", "taste", "order")}
            ),
        ),
        "price": (
            lambda: ours(price=(10, 12), ordering="price"),
            lambda: plain("price", price__range=(10, 12)),
        ),
        "category_axis": (
            lambda: ours(category=first, axes={"ritual": (0.7, None)}, ordering="-ritual"),
            lambda: plain(
                F("score__vector__ritual").desc(nulls_last=True),
                category__mapping__internal=first,
                score__vector__ritual__gte=0.7,
            ),
        ),
        "all": (
            lambda: ours(
                text="candle soft",
                axes={"rest": (0.6, None)},
                price=(5, 60),
                category=first,
                ordering="-score",
            ),
            lambda: plain(
                by_score,
                words=["candle", "soft"],
                score__vector__rest__gte=0.6,
                price__range=(5, 60),
                category__mapping__internal=first,
            ),
        ),
    }


def measure() -> dict[str, tuple[list[float], list[float]]]:
    """Milliseconds of ours and plain by query, in turns."""
    asked = queries()
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in asked}
    for turn in range(ROUNDS + 1):  # the first warms up
        for name, variants in asked.items():
            for n, variant in enumerate(variants):
                began = time.perf_counter()
                variant()
                if turn:
                    times[name][n].append((time.perf_counter() - began) * 1000)
    return times


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        began = time.perf_counter()
        rate = fill()
        print(
            f"{ROWS:,} products in {time.perf_counter() - began:.0f} s; the search takes over {rate:,.0f} a second\n"
        )
        times = measure()
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0)
    print(f"{'':16} {'ours ms':>9} {'slowest':>9} {'plain ms':>10}")
    ratios = {}
    for name, (mine, theirs) in times.items():
        print(f"{name:16} {statistics.median(mine):9.1f} {max(mine):9.1f} {statistics.median(theirs):10.1f}")
        ratios[name] = statistics.median(t / m for m, t in zip(mine, theirs, strict=True))
    print()
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.2f}")
    print(f"ratio products {min(ratios.values()):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
