"""Batches: what is taken, what is told, and what two at a time do."""

import json
import random

import pytest
from django.db import connection

from apps.parsing.addresses import normalised
from apps.parsing.items import price_of
from apps.parsing.models import ExternalCategory, Product, Source, SourceRun
from apps.parsing.services.ingest import SAMPLE, batch_ingest
from tests.billing.threads import at_once
from tests.parsing.conftest import ingest, item


def test_a_whole_product(api, source):
    answer = ingest(
        api,
        source,
        [
            item(
                1,
                product_url="HTTPS://Shop.example.com/p/1?utm_source=mail&b=2&a=1#top",
                description="Blue.\nBig.",
                price=12.5,
                currency="eur",
                image_url="https://cdn.example.com/1.jpg",
                merchant="Shop Ltd",
                category="Mugs",
                raw_data={"sku": "1\\x", "tab": "a\tb"},
            )
        ],
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok", "items_ingested": 1, "categories_ingested": 0, "items_new": 1, "items_updated": 0,
        "rejected": [],
    }  # fmt: skip
    product = Product.objects.get()
    assert product.gift_id == "shop:https://shop.example.com/p/1?a=1&b=2"
    assert (product.description, str(product.price), product.currency) == ("Blue.\nBig.", "12.50", "EUR")
    assert product.category.name == "Mugs" and product.source_id == source.pk
    assert product.raw_data == {"sku": "1\\x", "tab": "a\tb"}


def row_version() -> tuple:
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text, xmax::text, ctid::text FROM parsing_product ORDER BY id")
        return tuple(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_the_same_again_writes_nothing_and_scores_stay(api, source):
    batch = [item(n, price=n, category="Mugs", raw_data={"n": n}) for n in range(20)]
    ingest(api, source, batch)
    Product.objects.update(scored_version=1)
    before = row_version()
    again = ingest(api, source, batch).json()
    assert (again["items_ingested"], again["items_new"], again["items_updated"]) == (20, 0, 0)
    assert row_version() == before
    batch[3]["price"] = 99
    batch[4]["title"] = "Another mug"
    changed = ingest(api, source, batch).json()
    assert (changed["items_new"], changed["items_updated"]) == (0, 2)
    assert Product.objects.get(price=99).text_version == 1
    renamed = Product.objects.get(title="Another mug")
    assert (renamed.text_version, renamed.scored_version) == (2, 1)
    source.refresh_from_db()
    assert source.items_total == 20


def test_new_known_and_changed_in_one_batch(api, source):
    ingest(api, source, [item(n, category="Mugs", description=f"Line\n{n}\t\\N") for n in range(4)])
    batch = [item(n, category="Mugs", description=f"Line\n{n}\t\\N") for n in range(3)]
    batch += [item(3, category="Cups"), item(4, category="Mugs"), item(5), item(5, title="The later one")]
    answer = ingest(api, source, batch).json()
    assert (answer["items_ingested"], answer["items_new"], answer["items_updated"]) == (6, 2, 1)
    found = Product.objects.order_by("product_url").values_list("title", "category__name", "text_version")
    assert list(found) == [
        *((f"Mug {n}", "Mugs", 1) for n in range(3)),
        ("Mug 3", "Cups", 2),
        ("Mug 4", "Mugs", 1),
        ("The later one", None, 1),
    ]
    assert Product.objects.get(product_url__endswith="/0").description == "Line\n0\t\\N"
    source.refresh_from_db()
    assert source.items_total == 6


def test_bad_items_are_told_and_not_fatal(api, source):
    answer = ingest(
        api,
        source,
        [
            item(0),
            {"title": "no address", "product_url": "", "site_key": "shop"},
            item(2, title="   "),
            item(3, title=5),
            "nonsense",
            item(5, site_key="a b"),
            item(6, price=-1),
            item(7, price=1e30),
            item(8, source_id=999_999),
            item(9, product_url="javascript:alert(1)"),
            item(10, raw_data={"x": 1}, price="on request"),
            item(11, product_url="https://user:pw@shop.example.com/"),
            {"product_url": "https://shop.example.com/p/12", "site_key": "shop"},
        ],
    )
    assert answer.status_code == 200
    found = answer.json()
    assert [r["index"] for r in found["rejected"]] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert all(r["reason"] for r in found["rejected"])
    assert found["items_ingested"] == 2 == Product.objects.count()
    assert Product.objects.get(product_url__endswith="/10").price is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("1299.000", "1299.00"), ("0.500", "0.50"), ("1,299.000 USD", "1299.00"), ("1299,000", "1299.00"),
        ("1.299,500 €", "1299.50"), ("12.5000", "12.50"),
        ("1.299", "1299.00"), ("1,299", "1299.00"), ("1.299.000", "1299000.00"), ("12 345,67 kr", "12345.67"),
    ],
)  # fmt: skip
def test_thousands_and_decimals_of_a_price(given, wanted):
    assert price_of(given, None)[0] == wanted


def test_digits_of_another_script_and_numbers_without_end(api, source):
    raw = b'{"source_id":%d,"items":[%s]}' % (
        source.pk,
        b",".join(
            b'{"title":"%d","product_url":"https://shop.example.com/p/%d","site_key":"shop",%s}'
            % (n, n, more)
            for n, more in enumerate(
                ['"price":"١٢٣"'.encode(), b'"raw_data":{"a":1' + b"0" * 5000 + b"}", b'"price":"5"']
            )
        ),
    )
    answer = api.post("/internal/ingest-batch", raw, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert [r["index"] for r in answer.json()["rejected"]] == [1]
    rows = {p.title: p for p in Product.objects.all()}  # what is stored can be read
    assert (str(rows["0"].price), str(rows["2"].price)) == ("123.00", "5.00")


def test_odd_unicode_null_characters_and_what_is_too_large(api, source):
    odd = [
        {"title": "a\0b \ud800 😀 e\u0301 \u200b\u202e", "description": "\0x\r\ny\\N\t"},
        {"title": "b" * 5000, "description": "d" * 50_000, "merchant": "m" * 1000, "category": "c" * 1000},
        {"title": "c", "raw_data": {"big": "x" * 100_000}},
        {"title": "d", "raw_data": {"a\0": ["\0", "\ud83d\ude00", "\udead"]}},
        {"title": "e", "image_url": "https://x.example/" + "y" * 5000, "currency": "Doubloons"},
        {"title": "f", "raw_data": [[[[1]]]], "price": "1 299,90 zł"},
        {"title": "g", "raw_data": "text"},
    ]
    answer = ingest(api, source, [item(n, **fields) for n, fields in enumerate(odd)])
    assert answer.status_code == 200 and answer.json()["rejected"] == [], answer.content
    rows = {p.product_url.rsplit("/", 1)[1]: p for p in Product.objects.all()}
    assert rows["0"].title.startswith("ab \ufffd 😀") and rows["0"].description == "x\r\ny\\N"
    assert (len(rows["1"].title), len(rows["1"].description), len(rows["1"].merchant)) == (1000, 20_000, 300)
    assert set(rows["2"].raw_data) == {"dropped_bytes"}
    assert rows["3"].raw_data == {"a": ["", "😀", "\ufffd"]}
    assert (rows["4"].image_url, rows["4"].currency) == ("", "")
    assert (str(rows["5"].price), rows["5"].currency) == ("1299.90", "PLN")


def test_one_that_is_nested_too_deep_does_not_spoil_the_others(api, source):
    deep = b'{"a]": {"b": ' + b"[" * 5000 + b'"x\\"]"' + b"]" * 5000 + b', "c": 1}}'
    items = [json.dumps(item(n)).encode() for n in range(3)]
    items[1] = items[1][:-1] + b', "raw_data": ' + deep + b"}"
    body = b'{"source_id": %d, "items": [%s]}' % (source.pk, b",".join(items))
    answer = api.post("/internal/ingest-batch", body, content_type="application/json")
    assert answer.status_code == 200 and answer.json()["items_new"] == 3, answer.content
    raw = Product.objects.get(product_url__endswith="/1").raw_data["a]"]
    assert raw["c"] == 1
    depth, inner = 0, raw["b"]
    while inner is not None:
        depth, (inner,) = depth + 1, inner
    assert 90 < depth < 100


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"items": []}', b'{"source_id": "x", "items": []}',
        b'{"source_id": 1, "items": 5}',
        b'{"source_id": 1.5, "items": []}', b'\xff\xfe', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_batch(api, body):
    answer = api.post("/internal/ingest-batch", body, content_type="application/json")
    assert answer.status_code == 422 and isinstance(answer.json()["detail"], list)


def test_an_unknown_source_stores_nothing(api, db):
    for source_id in (424_242, 0, -5, 2**62, 2**63, 2**80, -(2**80)):
        answer = ingest(api, source_id, [item(1, category="Mugs")])
        assert answer.status_code == 404 and "source" in answer.json()["detail"]
    known = Source.objects.create(url="https://shop.example.com/", site_key="shop")
    for run_id in (424_242, 0, 2**80, -(2**80)):
        body = {"source_id": known.pk, "run_id": run_id, "items": [item(1)]}
        answer = api.post("/internal/ingest-batch", body, format="json")
        assert answer.status_code == 404 and "run_id" in answer.json()["detail"]
    assert (
        not Product.objects.exists()
        and not SourceRun.objects.exists()
        and not ExternalCategory.objects.exists()
    )


def test_too_large_a_body(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert ingest(api, 1, [item(1, description="x" * 2000)]).status_code == 413


def test_categories_go_to_the_backlog_once(api, source):
    categories = [
        {"name": "Mugs", "url": "https://shop.example.com/mugs?utm_medium=x", "site_key": "shop"},
        {"name": "Blue", "url": "https://shop.example.com/mugs/blue", "site_key": "shop",
         "parent_url": "https://shop.example.com/"},
        {"name": "", "url": "https://shop.example.com/none", "site_key": "shop"},
        {"name": "Bad", "url": "nowhere", "site_key": "shop"},
        {"nonsense": 1},
    ]  # fmt: skip
    for _ in range(2):
        answer = ingest(api, source, [], categories=categories, stats={"pages": 3, "note": "a\0b"})
        assert answer.status_code == 200 and answer.json()["categories_ingested"] == 2
    found = Source.objects.filter(status="discovered").order_by("url")
    assert [(s.url, s.parent_id, s.is_active) for s in found] == [
        ("https://shop.example.com/mugs", source.pk, False),
        ("https://shop.example.com/mugs/blue", source.pk, False),
    ]
    assert set(ExternalCategory.objects.values_list("name", flat=True)) == {"Mugs", "Blue"}
    assert SourceRun.objects.get().stats == {"pages": 3, "note": "ab"}


def test_items_may_name_another_source(api, source):
    child = Source.objects.create(url="https://shop.example.com/mugs", site_key="shop", type="list")
    ingest(api, source, [item(1), item(2, source_id=child.pk), item(2, source_id=child.pk)])
    assert set(Product.objects.values_list("source_id", flat=True)) == {source.pk, child.pk}
    source.refresh_from_db(), child.refresh_from_db()
    assert (source.items_total, child.items_total) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_one_known_product_among_new_ones_that_the_sample_misses(api, source):
    items = [item(n) for n in range(3 * SAMPLE)]
    assert ingest(api, source, [items[1]]).json()["items_new"] == 1
    items[1]["title"] = "Renamed"
    items[2] = items[1] | {"title": ""}  # the same product, not fit to be stored
    answer = ingest(api, source, items).json()
    assert (answer["items_ingested"], answer["items_new"], answer["items_updated"]) == (191, 190, 1)
    assert answer["rejected"] == [{"index": 2, "reason": "title: It is empty."}]
    assert Product.objects.count() == 191 and Product.objects.filter(title="Renamed").count() == 1
    source.refresh_from_db()
    assert source.items_total == 191


def test_5000_in_a_batch(api, source, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        answer = ingest(api, source, [item(n, category=f"C{n % 40}") for n in range(5000)])
    assert answer.json()["items_new"] == 5000


@pytest.mark.django_db(transaction=True)
def test_batches_with_the_same_products_never_dead_lock(source):
    other = Source.objects.create(url="https://other.example/", site_key="shop")

    def send(n: int):
        order = list(range(150))
        random.Random(n).shuffle(order)
        items = [
            item(k, price=n, category=f"C{(k + n) % 25}", source_id=(source.pk, other.pk)[(k + n) % 2])
            for k in order
        ]
        body = {"source_id": (source.pk, other.pk)[n % 2], "items": items}
        return batch_ingest(body=json.dumps(body).encode())

    for _ in range(4):
        results = at_once(8, send)
        assert not [r for r in results if isinstance(r, Exception)], results
    assert Product.objects.count() == 150
    assert sum(Source.objects.values_list("items_total", flat=True)) == 150
    assert SourceRun.objects.count() == 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("HTTP://Example.COM:80/a/../b?utm_source=x&b=2&a=1#f", "http://example.com/b?a=1&b=2"),
        (
            "https://пример.рф/товар?q=ё",
            "https://xn--e1afmkfd.xn--p1ai/%D1%82%D0%BE%D0%B2%D0%B0%D1%80?q=%D1%91",
        ),
        ("https://a.example", "https://a.example/"),
        ("https://a.example/%7efoo%2f%zz", "https://a.example/%7Efoo%2F%25zz"),
        ("https://a.example/x?fbclid=1&gclid=2", "https://a.example/x"),
        ("https://a.example/a/./b", "https://a.example/a/b"),
    ],
)
def test_one_spelling_of_an_address(given, wanted):
    assert normalised(given) == wanted == normalised(wanted)
