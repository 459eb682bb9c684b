"""Shops' category names and our own tree, over /internal/ and in the admin."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.intelligence.models import CategoryMapping, InternalCategory
from apps.intelligence.services.categories import mappings_submit, mappings_suggest, mappings_verify
from tests.billing.threads import beside
from tests.factories.parsing import ExternalCategoryFactory, ProductFactory

TASKS, SUBMIT = "/internal/categories/tasks", "/internal/categories/submit"


@pytest.fixture
def tree(db) -> dict[str, InternalCategory]:
    home = InternalCategory.objects.create(name="Home", slug="home")
    kitchen = InternalCategory.objects.create(name="Kitchen", slug="kitchen", parent=home)
    mugs = InternalCategory.objects.create(name="Mugs and cups", slug="mugs", parent=kitchen)
    books = InternalCategory.objects.create(name="Books", slug="books", description="novels, reading")
    return {"home": home, "kitchen": kitchen, "mugs": mugs, "books": books}


@pytest.fixture
def products(db):
    cups = ExternalCategoryFactory(name="Coffee mugs & cups ☕")
    novels = ExternalCategoryFactory(name="Novels")
    ExternalCategoryFactory(name="Nothing yet")
    ProductFactory.create_batch(7, category=cups)
    ProductFactory.create_batch(2, category=novels)
    return {"cups": cups, "novels": novels}


def submit(machine, *pairs):
    results = [{"external_name": name, "internal_category_id": pk} for name, pk in pairs]
    return machine.post(SUBMIT, {"results": results})


def test_tasks_the_most_used_first_with_examples(machine, products, django_assert_max_num_queries):
    machine.get(TASKS)  # the search's rows of these products are made
    with django_assert_max_num_queries(6):
        tasks = machine.get(TASKS).json()
    assert [(t["external_name"], t["count"]) for t in tasks] == [
        ("Coffee mugs & cups ☕", 7),
        ("Novels", 2),
        ("Nothing yet", 0),
    ]
    assert len(tasks[0]["examples"]) == 5 and tasks[0]["examples"][0].startswith("Stoneware mug")
    assert tasks[2]["examples"] == [] and tasks[0]["suggestion"] is None
    assert len(machine.get(f"{TASKS}?limit=1").json()) == 1
    assert machine.get(f"{TASKS}?limit=0").status_code == 422
    assert machine.get(f"{TASKS}?limit=1e9").status_code == 422


def test_a_mapping_holds_for_products_that_are_there(machine, products, tree):
    answer = submit(machine, ("Coffee mugs & cups ☕", tree["mugs"].pk))
    assert answer.json() == {"status": "ok", "updated": 1, "rejected": []}
    found = machine.get(f"/internal/products?category={tree['home'].pk}").json()
    assert len(found) == 7
    assert {p["internal_category"] for p in found} == {"Mugs and cups"}
    assert "Coffee mugs & cups ☕" not in [t["external_name"] for t in machine.get(TASKS).json()]
    submit(machine, ("Coffee mugs & cups ☕", tree["books"].pk))
    assert machine.get(f"/internal/products?category={tree['home'].pk}").json() == []
    assert len(machine.get(f"/internal/products?category={tree['books'].pk}").json()) == 7


def test_what_does_not_fit_is_told_by_its_place(machine, products, tree):
    tree["books"].is_active = False
    tree["books"].save()
    bad = [
        5,
        {},
        {"external_name": "Novels"},
        {"external_name": "Novels", "internal_category_id": "1"},
        {"external_name": "Novels", "internal_category_id": 2**70},
        {"external_name": "Novels", "internal_category_id": None},
        {"external_name": "Strange", "internal_category_id": tree["mugs"].pk},
        {"external_name": ["Novels"], "internal_category_id": tree["mugs"].pk},
    ]
    good = {"external_name": "Novels", "internal_category_id": tree["mugs"].pk}
    data = machine.post(SUBMIT, {"results": [*bad, good]}).json()
    assert data["updated"] == 1
    assert [r["index"] for r in data["rejected"]] == list(range(len(bad)))
    assert submit(machine, ("Novels", tree["books"].pk)).json()["updated"] == 0
    assert (
        submit(machine, ("Novels", 999_999))
        .json()["rejected"][0]["reason"]
        .startswith("There is no internal")
    )
    for body in ({}, {"results": []}, {"results": "x"}, [1]):
        assert machine.post(SUBMIT, body).status_code == 422


def test_a_suggestion_maps_nothing_until_it_is_verified(machine, products, tree, staff):
    assert mappings_suggest() == 3
    assert mappings_suggest() == 0
    tasks = {t["external_name"]: t["suggestion"] for t in machine.get(TASKS).json()}
    cups = tasks["Coffee mugs & cups ☕"]
    assert (
        cups["internal_category_id"] == tree["mugs"].pk and cups["path"] == "Home > Kitchen > Mugs and cups"
    )
    assert tasks["Novels"]["internal_category_id"] == tree["books"].pk
    assert 0.3 < cups["confidence"] <= 1
    assert machine.get(f"/internal/products?category={tree['mugs'].pk}").json() == []
    assert mappings_verify(mappings=[products["cups"].pk], user=staff) == 1
    assert len(machine.get(f"/internal/products?category={tree['mugs'].pk}").json()) == 7
    assert "Coffee mugs & cups ☕" not in [t["external_name"] for t in machine.get(TASKS).json()]
    # What staff has verified no worker changes; a mere suggestion it does.
    data = submit(machine, ("Coffee mugs & cups ☕", tree["books"].pk), ("Novels", tree["mugs"].pk)).json()
    assert data["updated"] == 1 and "verified" in data["rejected"][0]["reason"]
    assert CategoryMapping.objects.get(external__name="Novels").origin == "worker"


def test_guesses_follow_the_tree(machine, products, tree, staff):
    """What was guessed of another tree is guessed anew, once nobody is at work on it; what people said stands."""
    mappings_suggest()
    submit(machine, ("Nothing yet", tree["books"].pk))
    mappings_verify(mappings=[products["novels"].pk], user=staff)
    cups = InternalCategory.objects.create(name="Coffee mugs & cups", slug="cups")
    assert mappings_suggest() == 0
    long_ago = timezone.now() - timedelta(hours=1)
    CategoryMapping.objects.update(updated_at=long_ago)
    InternalCategory.objects.update(updated_at=long_ago + timedelta(minutes=1))
    assert mappings_suggest() == 1 and mappings_suggest() == 0
    told = dict(CategoryMapping.objects.values_list("external__name", "internal__slug"))
    assert told == {"Coffee mugs & cups ☕": cups.slug, "Novels": "books", "Nothing yet": "books"}


def test_below_an_inactive_category_nothing_is_mapped(machine, products, tree):
    InternalCategory.objects.filter(slug="home").update(is_active=False)
    data = submit(machine, ("Novels", tree["mugs"].pk)).json()
    assert data["updated"] == 0 and "no internal category" in data["rejected"][0]["reason"]


@pytest.mark.django_db(transaction=True)
def test_staff_is_not_written_over_at_the_same_moment(products, tree):
    results = [{"external_name": "Novels", "internal_category_id": tree["mugs"].pk}]
    with transaction.atomic():
        CategoryMapping.objects.create(
            external=products["novels"], internal=tree["books"], origin="staff", is_verified=True
        )
        other = beside(lambda: mappings_submit(results=results))
    assert "verified" in other.result(timeout=30).rejected[0]["reason"]
    assert CategoryMapping.objects.get().internal == tree["books"]


def test_without_a_tree_there_is_nothing_to_suggest(products):
    assert mappings_suggest() == 0


def test_the_tree(machine, tree, products, django_assert_max_num_queries):
    submit(machine, ("Novels", tree["books"].pk))
    with django_assert_max_num_queries(3):
        rows = machine.get("/internal/categories").json()
    assert [(r["path"], r["parent_id"], r["mapped_names"]) for r in rows] == [
        ("Books", None, 1),
        ("Home", None, 0),
        ("Home > Kitchen", tree["home"].pk, 0),
        ("Home > Kitchen > Mugs and cups", tree["kitchen"].pk, 0),
    ]
    InternalCategory.objects.filter(slug="home").update(is_active=False)
    assert [r["path"] for r in machine.get("/internal/categories").json()] == ["Books"]


def test_no_category_stands_below_itself(tree):
    tree["home"].parent = tree["mugs"]
    with pytest.raises(ValidationError, match="below itself"):
        tree["home"].full_clean()


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_superuser("staff@example.com", "a long sentence is fine")


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def test_the_tree_goes_out_and_comes_in_as_csv(admin, tree):
    at = "/admin/intelligence/internalcategory"
    text = "slug,name,parent,description,is_active\ngarden,Garden,,,1\npots,Pots,garden,clay,1\nmugs,Mugs,kitchen,,1\n"
    page = admin.post(
        f"{at}/import/", {"import_file": SimpleUploadedFile("tree.csv", text.encode()), "format": "0"}
    )
    assert page.status_code == 200
    confirm = page.context["confirm_form"].initial
    done = admin.post(f"{at}/process_import/", confirm, follow=True)
    assert done.status_code == 200
    pots = InternalCategory.objects.get(slug="pots")
    assert pots.parent.slug == "garden" and pots.description == "clay"
    assert InternalCategory.objects.get(slug="mugs").name == "Mugs"
    out = admin.post(
        f"{at}/export/",
        {
            "format": "0",
            "resource": "",
            **{f"internalcategoryresource_{n}": "on" for n in ("slug", "name", "parent")},
        },
    )
    assert out.status_code == 200
    assert "pots,Pots,garden" in out.content.decode()


def test_staff_verifies_in_the_admin(admin, tree, products, staff):
    mappings_suggest()
    at = "/admin/intelligence/categorymapping"
    assert admin.get(f"{at}/?is_verified__exact=0").status_code == 200
    chosen = list(CategoryMapping.objects.values_list("pk", flat=True)[:2])
    admin.post(f"{at}/", {"action": "verify", "_selected_action": chosen})
    assert CategoryMapping.objects.filter(is_verified=True, verified_by=staff).count() == 2
    left = CategoryMapping.objects.get(is_verified=False)
    answer = admin.post(f"{at}/{left.pk}/change/", {"internal": tree["books"].pk})
    assert answer.status_code == 302, answer.content[:500]
    left.refresh_from_db()
    assert left.is_verified and left.verified_by == staff and left.internal == tree["books"]
