"""Leases and scores, over /internal/."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from apps.intelligence.axes import AXES, AXIS_NAMES
from apps.intelligence.models import ProductScore, ScoringLease
from apps.intelligence.services.leases import products_claim
from apps.intelligence.services.scoring import scores_submit
from apps.parsing.models import CrawlWorker, Product
from tests.billing.threads import at_once
from tests.factories.parsing import ProductFactory

TASKS, SUBMIT = "/internal/scoring/tasks", "/internal/scoring/submit"
VECTOR = {axis: n / 10 for n, axis in enumerate(AXIS_NAMES)}


def result(product: Product, **changes) -> dict:
    return {
        "gift_id": product.gift_id,
        "llm_gift_score": 7.5,
        "llm_gift_reasoning": "Everybody likes a mug. 🎁",
        "llm_gift_vector": VECTOR,
        "llm_scoring_model": "qwen",
        "llm_scoring_version": "v3",
        **changes,
    }


def asked(machine, query: str = "") -> list[str]:
    return [task["gift_id"] for task in machine.get(f"{TASKS}?{query}").json()]


def change_text(product: Product) -> None:
    """As an ingestion does it."""
    Product.objects.filter(pk=product.pk).update(
        text_version=F("text_version") + 1, updated_at=timezone.now()
    )


def run_out() -> None:
    past = timezone.now() - timedelta(minutes=20)
    ScoringLease.objects.update(leased_at=past, until=past + timedelta(minutes=15))


def test_there_are_ten_axes_each_with_its_counterpart(machine):
    assert len(AXES) == len(set(AXIS_NAMES)) == 10
    assert sorted((a.gap, a.form) for a in AXES) == sorted(
        (gap, form) for gap in {a.gap for a in AXES} for form in ("inward", "outward")
    )
    assert [a["name"] for a in machine.get("/internal/scoring/axes").json()] == list(AXIS_NAMES)


def test_a_task_holds_what_a_worker_needs(machine, django_assert_max_num_queries):
    products = ProductFactory.create_batch(3)
    with django_assert_max_num_queries(4):
        tasks = machine.get(f"{TASKS}?worker=w1").json()
    assert [t["gift_id"] for t in tasks] == [p.gift_id for p in products]
    assert tasks[0] == {
        "gift_id": products[0].gift_id,
        "title": products[0].title,
        "category": "Mugs",
        "merchant": "Shop",
        "price": "12.50",
        "currency": "EUR",
        "image_url": "",
        "content_text": f"{products[0].title}\nMugs\nShop\nHolds 300 ml of coffee.",
        "text_version": 1,
    }


def test_what_one_worker_has_no_other_gets(machine):
    products = ProductFactory.create_batch(5)
    first = asked(machine, "worker=w1&limit=2")
    second = asked(machine, "worker=w2&limit=2")
    third = asked(machine, "limit=50")
    assert first + second + third == [p.gift_id for p in products]
    assert asked(machine, "worker=w1") == asked(machine) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "missing=score", "worker=" + "w" * 201])
def test_parameters_that_do_not_fit(machine, query):
    answer = machine.get(f"{TASKS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


def test_a_larger_limit_is_cut(machine):
    ProductFactory()
    assert len(asked(machine, "limit=100000")) == 1


def test_a_lease_runs_out_and_a_heartbeat_keeps_it(machine):
    ProductFactory()
    asked(machine, "worker=w1")
    run_out()
    worker = CrawlWorker.objects.create(
        hostname="w1", pid=1, last_seen_at=timezone.now() - timedelta(minutes=5)
    )
    assert asked(machine, "worker=w2") == []
    worker.last_seen_at = timezone.now() - timedelta(minutes=16)
    worker.save()
    assert len(asked(machine, "worker=w2")) == 1


def test_no_heartbeat_keeps_a_lease_for_ever(machine):
    ProductFactory()
    asked(machine, "worker=w1:7")
    CrawlWorker.objects.create(hostname="w1", pid=7)
    run_out()
    assert asked(machine, "worker=w2") == []
    ScoringLease.objects.update(leased_at=timezone.now() - timedelta(hours=7))
    assert len(asked(machine, "worker=w2")) == 1


def test_scores_are_stored_once_however_often_they_come(machine):
    product = ProductFactory()
    asked(machine, "worker=w1")
    for _ in range(2):
        answer = machine.post(f"{SUBMIT}?worker=w1", {"results": [result(product)]})
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "updated": 1, "rejected": []}
    score = ProductScore.objects.get()
    assert (score.gift_score, score.vector, score.worker) == (7.5, VECTOR, "w1")
    assert score.reasoning.endswith("🎁") and score.scoring_model == "qwen" and score.text_version == 1
    assert asked(machine, "worker=w1") == []
    machine.post(SUBMIT, {"results": [result(product, llm_gift_score=3)], "worker": "w1"})
    assert ProductScore.objects.get().gift_score == 3


def test_one_bad_result_does_not_spoil_the_others(machine):
    product = ProductFactory()
    bad = [
        7,
        {},
        {"gift_id": 5},
        result(product, llm_gift_score=11),
        result(product, llm_gift_score=True),
        result(product, llm_gift_score=None),
        result(product, llm_gift_score="7"),
        result(product, llm_gift_vector=[0.1] * 10),
        result(product, llm_gift_vector={"rest": 1}),
        result(product, llm_gift_vector={**VECTOR, "rest": 1.5}),
        result(product, llm_gift_vector={**VECTOR, "joy": 1}),
        result(product, llm_gift_reasoning={"a": 1}),
        result(product, text_version="1"),
        {**result(product), "gift_id": "shop:nowhere"},
    ]
    answer = machine.post(SUBMIT, {"results": [*bad, result(product)]})
    assert answer.status_code == 200
    data = answer.json()
    assert data["updated"] == 1
    assert [r["index"] for r in data["rejected"]] == list(range(len(bad)))
    assert all(r["reason"] for r in data["rejected"])
    assert "lacks" in data["rejected"][8]["reason"] and "joy" in data["rejected"][10]["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": []},
        {"results": {}},
        {"results": "x"},
        [],
        {"results": [1] * 10_001},
    ],
)
def test_bodies_that_do_not_fit(machine, body):
    assert machine.post(SUBMIT, body).status_code == 422


def test_a_late_score_counts_while_the_text_is_the_same(machine):
    product = ProductFactory()
    asked(machine, "worker=w1")
    run_out()
    assert asked(machine, "worker=w2") == [product.gift_id]
    late = machine.post(f"{SUBMIT}?worker=w1", {"results": [result(product)]}).json()
    assert late["updated"] == 1
    assert asked(machine, "worker=w3") == []


@pytest.mark.parametrize("named", ["query", "text_version"])
def test_a_score_of_an_older_text_is_refused_and_the_product_listed_again(machine, named):
    product = ProductFactory()
    asked(machine, "worker=w1")
    change_text(product)
    run_out()
    assert asked(machine, "worker=w2") == [product.gift_id]
    if named == "query":
        late = machine.post(f"{SUBMIT}?worker=w1", {"results": [result(product)]})
    else:
        late = machine.post(SUBMIT, {"results": [result(product, text_version=1)]})
    assert late.json()["updated"] == 0
    assert "has changed" in late.json()["rejected"][0]["reason"]
    assert not ProductScore.objects.exists()
    fresh = result(product, text_version=2)
    assert machine.post(f"{SUBMIT}?worker=w2", {"results": [fresh]}).json()["updated"] == 1


def test_a_text_that_changes_while_the_lease_holds(machine):
    product = ProductFactory()
    asked(machine)
    change_text(product)
    assert asked(machine) == []
    refused = machine.post(SUBMIT, {"results": [result(product)]}).json()
    assert refused["updated"] == 0
    assert asked(machine) == [product.gift_id]
    assert machine.post(SUBMIT, {"results": [result(product)]}).json()["updated"] == 1


def test_nameless_workers_get_their_scores_in_after_a_change(machine):
    product = ProductFactory()
    asked(machine)
    change_text(product)
    run_out()
    for _ in range(2):  # at worst once more than was needed
        asked(machine)
        if machine.post(SUBMIT, {"results": [result(product)]}).json()["updated"]:
            break
    assert ProductScore.objects.get().text_version == 2


def test_a_product_whose_text_changed_is_listed_again_and_keeps_its_score_meanwhile(machine):
    product = ProductFactory()
    machine.post(SUBMIT, {"results": [result(product)]})
    assert asked(machine) == []
    change_text(product)
    assert asked(machine) == [product.gift_id]
    assert ProductScore.objects.get().gift_score == 7.5
    machine.post(SUBMIT, {"results": [result(product, llm_gift_vector=None, llm_gift_score=2)]})
    score = ProductScore.objects.get()
    assert (score.gift_score, score.vector) == (2, None)  # axes of another text are no axes of this one


def test_without_axes_it_counts_as_scored_and_is_listed_on_demand(machine):
    with_axes, without = ProductFactory.create_batch(2)
    machine.post(SUBMIT, {"results": [result(with_axes), result(without, llm_gift_vector={})]})
    assert asked(machine) == []
    assert asked(machine, "missing=axes&worker=w1") == [without.gift_id]
    assert asked(machine, "missing=axes&worker=w2") == []
    machine.post(SUBMIT, {"results": [result(without)]})
    run_out()
    assert asked(machine, "missing=axes") == []
    # The same text scored again without axes keeps those that it has.
    machine.post(SUBMIT, {"results": [result(without, llm_gift_vector=None, llm_gift_score=9)]})
    score = ProductScore.objects.get(product=without)
    assert (score.gift_score, score.vector) == (9, VECTOR)


def test_a_submit_costs_the_same_for_any_number(machine, django_assert_max_num_queries):
    products = ProductFactory.create_batch(40)
    with django_assert_max_num_queries(8):
        answer = machine.post(SUBMIT, {"results": [result(p) for p in products]})
    assert answer.json()["updated"] == 40


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_get_the_same_product():
    ProductFactory.create_batch(200)
    claims = at_once(8, lambda n: products_claim(worker=f"w{n}", limit=20))
    handed = [pk for claim in claims for pk in claim]
    assert len(handed) == len(set(handed)) == 160
    again = at_once(8, lambda n: products_claim(worker=f"v{n}", limit=20))
    rest = [pk for claim in again for pk in claim]
    assert len(rest) == len(set(rest)) == 40 and not set(rest) & set(handed)


@pytest.mark.django_db(transaction=True)
def test_submits_at_once_do_not_dead_lock():
    products = ProductFactory.create_batch(30)
    results = [result(p) for p in products]
    done = at_once(6, lambda n: scores_submit(results=results if n % 2 else results[::-1], worker=f"w{n}"))
    assert [d.updated for d in done] == [30] * 6
    assert ProductScore.objects.count() == 30


def test_odd_characters_of_a_model_cost_no_score(machine):
    one, two = ProductFactory.create_batch(2)
    body = b'{"results": [%s]}' % b",".join(
        b'{"gift_id": "%s", "llm_gift_score": 5, "llm_gift_reasoning": "%s"}'
        % (product.gift_id.encode(), said)
        for product, said in ((one, rb"cut \ud83d a\u0000b \\u0000 \ud83c\udf81"), (two, b"good"))
    )
    answer = machine.post(SUBMIT, body, content_type="application/json")
    assert answer.status_code == 200 and answer.json()["updated"] == 2, answer.content
    assert ProductScore.objects.get(product=one).reasoning == "cut \ufffd ab \\u0000 🎁"
