"""How fast a batch of products becomes rows, and that the same batch again writes none.

    make bench-ingest        (ROWS=100000 ROUNDS=9)

The table holds ROWS products before it begins. Each round sends new products by every variant in turns, from the
bytes of the request's body to the commit, in a scratch database that is dropped at the end:

  ours    batch_ingest: validation, addresses made alike, categories, the merge, the source's and the run's counts
  floor   the body read and copied into a bare table of the same columns, no index, no check
  drf     a serializer with many=True, get_or_create of categories, bulk_create(update_conflicts=True) in parts of 500

`ratio floor…` is the time of floor over ours, by size of the batch; `ratio drf` that of drf at 500. Medians.
"""

import os
import statistics
import sys
import time

ROWS = int(os.environ.get("ROWS", 100_000))
ROUNDS = int(os.environ.get("ROUNDS", 9))
SIZES = (50, 500, 5000)
DATABASE = "bench_igny8_ingest"
COLUMNS = (
    "title", "product_url", "site_key", "description", "price", "currency", "image_url", "merchant", "category",
    "raw_data",
)  # fmt: skip


def body_of(source_id: int, size: int, tag: str) -> bytes:
    import orjson

    items = [
        {
            "title": f"Hand-made mug {tag} number {n}",
            "product_url": f"https://shop{n % 7}.example.com/products/{tag}-{n}",
            "site_key": f"shop{n % 7}.example.com",
            "description": f"A mug of stoneware, fired twice, number {n}. " * 5,
            "price": n % 900 + 0.99,
            "currency": "EUR",
            "image_url": f"https://cdn.example.com/images/{tag}/{n}.jpg",
            "merchant": "Example Ltd",
            "category": f"Category {n % 60}",
            "raw_data": {"sku": f"S-{n}", "rating": 4.5, "tags": ["new", "blue"]},
        }
        for n in range(size)
    ]
    return orjson.dumps({"source_id": source_id, "items": items})


def ours(body: bytes) -> int:
    from apps.parsing.services.ingest import batch_ingest

    return batch_ingest(body=body).items_new


def floor(body: bytes) -> int:
    import orjson
    from django.db import connection, transaction

    data = orjson.loads(body)
    statement = f"COPY bench_bare (gift_id, source_id, {', '.join(COLUMNS)}) FROM STDIN"
    with transaction.atomic(), connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
        for item in data["items"]:
            item["raw_data"] = orjson.dumps(item["raw_data"]).decode()
            gift_id = f"{item['site_key']}:{item['product_url']}"
            copy.write_row([gift_id, data["source_id"], *[item[column] for column in COLUMNS]])
    return len(data["items"])


def drf(body: bytes) -> int:
    import orjson
    from django.db import transaction
    from rest_framework import serializers

    from apps.parsing.models import ExternalCategory, Product, Source
    from apps.parsing.serializers.crawling import ItemSerializer

    class PlainSerializer(ItemSerializer):
        price = serializers.DecimalField(max_digits=14, decimal_places=2)

    data = orjson.loads(body)
    serializer = PlainSerializer(data=data["items"], many=True)
    serializer.is_valid(raise_exception=True)
    with transaction.atomic():
        source = Source.objects.get(pk=data["source_id"])
        names = {item["category"] for item in serializer.validated_data}
        known = {c.name: c for c in ExternalCategory.objects.filter(name__in=names)}
        for name in names - set(known):
            known[name] = ExternalCategory.objects.get_or_create(name=name)[0]
        products = [
            Product(
                gift_id=f"{item['site_key']}:{item['product_url']}",
                source=source,
                **{**item, "category": known[item["category"]]},
            )
            for item in serializer.validated_data
        ]
        Product.objects.bulk_create(
            products,
            batch_size=500,
            update_conflicts=True,
            unique_fields=["gift_id"],
            update_fields=[c for c in COLUMNS if c not in ("product_url", "site_key")],
        )
    return len(products)


def prepare() -> int:
    from django.db import connection

    from apps.parsing.models import Source

    source = Source.objects.create(url="https://shop.example.com/", site_key="shop")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_bare (gift_id text, source_id bigint, title text, product_url text, site_key text, "
            "description text, price numeric(14, 2), currency text, image_url text, merchant text, category text, "
            "raw_data jsonb)"
        )
    for part in range(0, ROWS, 5000):
        ours(body_of(source.pk, min(5000, ROWS - part), f"old{part}"))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE parsing_product")
        cursor.execute("CHECKPOINT")
    return source.pk


def written() -> tuple:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(xmin::text::bigint), max(xmax::text::bigint) FROM parsing_product"
        )
        return cursor.fetchone()


def measure(source_id: int) -> tuple[dict, list[str]]:
    variants = {"ours": ours, "floor": floor, "drf": drf}
    times: dict[tuple[str, int], list[float]] = {(v, s): [] for v in variants for s in SIZES}
    wrong = []
    for turn in range(ROUNDS + 1):  # the first one warms up
        for size in SIZES:
            # Small ones several times, or the clock and the neighbours decide.
            repeat = max(1, 1000 // size) if turn else 1
            for name, function in variants.items():
                bodies = [body_of(source_id, size, f"{name}-{turn}-{size}-{k}") for k in range(repeat)]
                began = time.perf_counter()
                for body in bodies:
                    stored = function(body)
                if turn:
                    times[name, size].append((time.perf_counter() - began) / repeat)
                if stored != size:
                    wrong.append(f"{name} stored {stored} of {size}")
                if name == "ours":
                    before = written()
                    ours(bodies[-1])
                    if written() != before:
                        wrong.append(f"the same batch of {size} again wrote rows")
    return times, wrong


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_DB_NAME"] = DATABASE
    import django

    django.setup()
    from django.db import connection

    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        times, wrong = measure(prepare())
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0)
    print(f"{ROWS:,} products before, {ROUNDS} rounds; medians of milliseconds a batch\n")
    print(f"{'products':>8} {'ours':>9} {'floor':>9} {'drf':>9} {'of floor':>9} {'× drf':>7}")
    ratios = {}
    for size in SIZES:
        for other in ("floor", "drf"):
            pairs = zip(times[other, size], times["ours", size], strict=True)
            ratios[other, size] = statistics.median(theirs / mine for theirs, mine in pairs)
        medians = [1000 * statistics.median(times[v, size]) for v in ("ours", "floor", "drf")]
        print(
            f"{size:8,} {medians[0]:9.1f} {medians[1]:9.1f} {medians[2]:9.1f} {ratios['floor', size]:9.2f}"
            f" {ratios['drf', size]:7.1f}"
        )
    for sentence in wrong:
        print("WRONG:", sentence)
    print("\nthe same batch again writes no row\n" if not wrong else "")
    for size in SIZES:
        print(f"ratio floor{size} {ratios['floor', size]:.2f}")
    print(f"ratio drf {ratios['drf', 500]:.2f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
