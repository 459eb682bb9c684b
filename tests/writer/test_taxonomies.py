"""Categories and tags: one of each spelling under a parent, no circles, and articles that follow their names."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.services.keys import api_key_create
from apps.core.errors import AppError, Conflict, Invalid, NotFound
from apps.writer.models import Taxonomy
from apps.writer.models.taxonomies import name_clean, name_key
from apps.writer.services.taxonomies import (
    MAX_DEPTH,
    taxonomy_delete,
    taxonomy_ensure,
    taxonomy_merge,
    taxonomy_update,
)
from tests.factories import SiteFactory
from tests.factories.writer import ContentFactory, TaxonomyFactory

pytestmark = pytest.mark.django_db
URL, CONTENT = "/api/v1/writer/taxonomies/", "/api/v1/writer/content/"


def made(actor, name, **body):
    answer = actor.client.post(URL, {"site": actor.site.pk, "name": name, **body})
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]


def refused(answer, field: str) -> str:
    assert answer.status_code == 400 and field in answer.json()["details"], answer.content
    return answer.json()["error"]


def ensure(site, name, **kwargs) -> Taxonomy:
    kwargs.setdefault("taxonomy", "category")
    return taxonomy_ensure(account_id=site.account_id, site_id=site.pk, name=name, **kwargs)


def test_one_key_for_what_people_take_for_one_name():
    same = ["Café & Thé", "cafe &amp; THÉ", "ＣＡＦＥ ＆ ＴＨＥ", " Café \n & The\u0301 ", "Cafe\u200b & The"]
    assert len({name_key(name) for name in same}) == 1
    for one, other in [("Über", "uber"), ("Łódź", "lodz"), ("Straße", "STRASSE"), ("☕️", "☕"), ("Ёж", "еж"),
                       ("don’t", "don't"), ("ΆΡΘΡΑ", "άρθρα")]:  # fmt: skip
        assert name_key(one) == name_key(other), (one, other)
    # Vowel signs and other letters are no accents.
    for one, other in [
        ("कल", "काल"),
        ("ハ", "バ"),
        ("قلم", "قالم"),
        ("a", "b"),
        ("C", "C++"),
        ("한국", "한글"),
    ]:
        assert name_key(one) != name_key(other), (one, other)
    assert name_key("\u200b \u00ad") == "" and name_clean("a\x00b\ud800&amp;c") == "ab&c"


def test_crud_as_a_tree(alice, bob):
    drinks = made(alice, "Drinks", description="All of them")
    assert (drinks["taxonomy"], drinks["slug"], drinks["path"], drinks["parent"]) == (
        "category", "drinks", "Drinks", None,
    )  # fmt: skip
    coffee = made(alice, " Cold &amp; hot  coffee ", parent=drinks["id"], slug="coffee")
    assert (coffee["name"], coffee["path"]) == ("Cold & hot coffee", "Drinks > Cold & hot coffee")
    url = f"{URL}{coffee['id']}/"
    assert alice.client.patch(url, {"name": "Coffee"}).json()["data"]["path"] == "Drinks > Coffee"
    assert alice.client.put(url, {"site": alice.site.pk, "name": "Coffee", "slug": ""}).status_code == 200
    beans = made(alice, "Beans", parent=coffee["id"])
    made(alice, "Food")
    made(alice, "قهوة ☕️")
    made(alice, "Coffee")  # under another parent it is another one
    tag = made(alice, "coffee", taxonomy="post_tag")
    assert tag["taxonomy"] == "tag" and made(alice, "Dark", taxonomy="pa_roast")["taxonomy"] == "pa_roast"
    TaxonomyFactory(site=bob.site, name="Bob's")

    def names(**params):
        answer = alice.client.get(URL, params)
        assert answer.status_code == 200, answer.content
        return [row["path"] for row in answer.json()["results"]]

    tree = ["Coffee", "Drinks", "Drinks > Coffee", "Drinks > Coffee > Beans", "Food", "قهوة ☕️"]
    assert names(taxonomy="category", ordering="path", site_id=alice.site.pk) == tree
    assert names(parent=drinks["id"]) == ["Drinks > Coffee"]
    assert names(is_root="true", taxonomy="category", ordering="-name")[-1] == "Coffee"
    assert names(search="bean") == ["Drinks > Coffee > Beans"] and names(slug="food") == ["Food"]
    assert names(taxonomy="pa_roast") == ["Dark"] and names(site_id=bob.site.pk) == []
    refused(alice.client.get(URL, {"ordering": "secret"}), "ordering")
    refused(alice.client.get(URL, {"parent": "x"}), "parent")

    answer = alice.client.delete(f"{URL}{drinks['id']}/")
    assert answer.status_code == 200 and answer.json()["data"] is None
    # Its child was at the top already: the two are one, with what stood under it.
    assert names(taxonomy="category", ordering="path") == ["Coffee", "Coffee > Beans", "Food", "قهوة ☕️"]
    assert alice.client.get(f"{URL}{beans['id']}/").json()["data"]["path"] == "Coffee > Beans"


def test_what_can_not_stand(alice, bob):
    top, other = TaxonomyFactory(site=alice.site, name="Café"), TaxonomyFactory(site=bob.site, name="Bob's")
    tag = TaxonomyFactory(site=alice.site, name="a tag", taxonomy="tag")
    elsewhere = TaxonomyFactory(site=SiteFactory(account=alice.account))
    child = TaxonomyFactory(site=alice.site, name="Child", parent=top)
    for body, field in [
        ({"name": "CAFE"}, "name"), ({"name": ""}, "name"), ({"name": "\u200b"}, "name"), ({"name": "a\x00"}, "name"),
        ({"name": "x" * 201}, "name"), ({"name": "ﷺ" * 100}, "name"), ({}, "name"), ({"name": ["x"]}, "name"),
        ({"name": "child", "parent": top.pk}, "name"), ({"name": "b", "parent": other.pk}, "parent"),
        ({"name": "b", "parent": elsewhere.pk}, "parent"), ({"name": "b", "parent": tag.pk}, "parent"),
        ({"name": "b", "taxonomy": "tag", "parent": tag.pk}, "parent"), ({"name": "b", "taxonomy": "A b"}, "taxonomy"),
        ({"name": "b", "slug": "a b"}, "slug"), ({"name": "b", "site": bob.site.pk}, "site"),
        ({"name": "b", "description": "x" * 5001}, "description"),
    ]:  # fmt: skip
        answer = alice.client.post(URL, {"site": alice.site.pk, **body})
        assert "Bob's" not in refused(answer, field)
    for row, body, field in [
        (top, {"parent": child.pk}, "parent"), (top, {"parent": top.pk}, "parent"),
        (top, {"taxonomy": "tag"}, "taxonomy"),
        (child, {"name": "café", "parent": None}, "name"), (top, {"site": elsewhere.site_id}, "site"),
    ]:  # fmt: skip
        refused(alice.client.patch(f"{URL}{row.pk}/", body), field)
    assert alice.client.patch(f"{URL}{other.pk}/", {"name": "x"}).status_code == 404
    assert Taxonomy.objects.filter(account=alice.account).count() == 4
    for bad in ({"taxonomy": "tag", "parent": top}, {"name": "cafe"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TaxonomyFactory(site=alice.site, **bad)


def test_depth_is_bounded(alice):
    parent = None
    for level in range(MAX_DEPTH):
        parent = ensure(alice.site, f"level {level}", parent_id=parent and parent.pk)
    with pytest.raises(Invalid, match=f"at most {MAX_DEPTH}"):
        ensure(alice.site, "too deep", parent_id=parent.pk)
    top = ensure(alice.site, "top")
    with pytest.raises(Invalid, match="deep"):
        taxonomy_update(
            account_id=alice.account.pk, taxonomy_id=Taxonomy.objects.get(name="level 0").pk,
            changes={"parent": top},
        )  # fmt: skip


def test_a_key_lists_its_site_and_reads_nothing_else(alice, anonymous):
    mine = TaxonomyFactory(site=alice.site)
    TaxonomyFactory(site=SiteFactory(account=alice.account))
    key = api_key_create(site=alice.site, name="plugin", user_id=alice.user.pk)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    assert [row["id"] for row in anonymous.get(URL).json()["results"]] == [mine.pk]
    assert anonymous.post(URL, {"site": alice.site.pk, "name": "x"}).status_code == 403
    assert anonymous.delete(f"{URL}{mine.pk}/").status_code == 403
    assert alice.as_role("viewer").post(URL, {"site": alice.site.pk, "name": "x"}).status_code == 403


def test_a_list_costs_the_same_with_3_rows_and_with_23(alice, django_assert_num_queries):
    def grow(n):
        parent = TaxonomyFactory(site=alice.site)
        TaxonomyFactory.create_batch(n - 1, site=alice.site, parent=parent)

    grow(3)
    for path in (f"{URL}?ordering=path", f"{CONTENT}?category=Coffee"):
        alice.client.get(path)
    with django_assert_num_queries(2):
        alice.client.get(f"{URL}?ordering=path")
    grow(10), grow(10)
    with django_assert_num_queries(3):  # one more to count what the page does not hold
        assert alice.client.get(f"{URL}?ordering=path").json()["count"] == 23


def test_articles_name_terms_as_they_are_spelled(alice):
    drinks = ensure(alice.site, "Drinks")
    ensure(alice.site, "Café", parent_id=drinks.pk)
    ensure(alice.site, "Cold Brew", taxonomy="tag")
    body = {
        "site": alice.site.pk,
        "title": "One",
        "categories": ["CAFE", "drinks > cafe", "Caf&eacute;", "new  one"],
        "tags": ["cold brew", "Other"],
    }
    row = alice.client.post(CONTENT, body).json()["data"]
    assert row["categories"] == ["Café", "Drinks > Café", "new one"] and row["tags"] == ["Cold Brew", "Other"]
    url = f"{CONTENT}{row['id']}/update_content/"
    changed = alice.client.post(url, {"categories": ["DRINKS"]}).json()["data"]
    assert changed["categories"] == ["Drinks"] and changed["tags"] == ["Cold Brew", "Other"]


def test_articles_follow_what_happens_to_terms(alice):
    site, account = alice.site, alice.account.pk
    one = ContentFactory(site=site, categories=["coffee", "Food"], tags=["coffee"])
    two = ContentFactory(site=site, categories=["Drinks > coffee", "COFFEE", "Coffee"])
    foreign = ContentFactory(categories=["coffee"])

    def names():
        one.refresh_from_db(), two.refresh_from_db()
        return one.categories, two.categories

    drinks, coffee = ensure(site, "Drinks"), ensure(site, "Coffee")
    assert names() == (["Coffee", "Food"], ["Drinks > coffee", "Coffee"])
    taxonomy_update(account_id=account, taxonomy_id=coffee.pk, changes={"parent": drinks, "name": "Kaffee"})
    assert names() == (["Kaffee", "Food"], ["Drinks > coffee", "Kaffee"])
    taxonomy_update(account_id=account, taxonomy_id=coffee.pk, changes={"name": "Coffee"})
    assert names() == (["Coffee", "Food"], ["Drinks > Coffee", "Coffee"])
    taxonomy_update(account_id=account, taxonomy_id=drinks.pk, changes={"name": "Beverages"})
    assert names()[1] == ["Beverages > Coffee", "Coffee"]
    food = ensure(site, "Food")
    keep = taxonomy_merge(account_id=account, keep_id=food.pk, drop_id=drinks.pk)
    assert names() == (["Coffee", "Food"], ["Food > Coffee", "Coffee"]) and keep.children.get() == coffee
    taxonomy_delete(account_id=account, taxonomy_id=food.pk)
    assert names() == (["Coffee", "Food"], ["Coffee"])
    foreign.refresh_from_db()
    assert foreign.categories == ["coffee"] and one.tags == ["coffee"]
    for keep, drop, error in [
        (coffee.pk, coffee.pk, Conflict),
        (coffee.pk, 10**9, NotFound),
        (10**9, coffee.pk, NotFound),
    ]:
        with pytest.raises(error):
            taxonomy_merge(account_id=account, keep_id=keep, drop_id=drop)


def test_articles_by_category(alice, bob):
    drinks = ensure(alice.site, "Drinks")
    ensure(alice.site, 'Café "1"', parent_id=drinks.pk)
    ContentFactory(site=alice.site, title="by name", categories=['Café "1"'])
    ContentFactory(site=alice.site, title="by path", categories=['Drinks > Café "1"', "x"])
    ContentFactory(site=alice.site, title="other", categories=["Decaf", "new"], tags=["Drinks", "100%_\\"])
    ContentFactory(site=bob.site, title="bob's", categories=['Café "1"', "Drinks"])
    for params, found in [
        ({"category": 'cafe "1"'}, ["by name", "by path"]), ({"category": 'drinks > CAFÉ "1"'}, ["by name", "by path"]),
        ({"category": "food > café"}, []), ({"category": "NEW"}, ["other"]), ({"category": "ne"}, []),
        ({"tag": "drinks"}, ["other"]), ({"tag": "100%_\\"}, ["other"]), ({"tag": "100a_\\"}, []),
        ({"category": "\u200b"}, []), ({"category": "caf"}, []), ({"category": "decaf", "tag": "drinks"}, ["other"]),
    ]:  # fmt: skip
        answer = alice.client.get(CONTENT, {**params, "ordering": "title"})
        assert [row["title"] for row in answer.json()["results"]] == found, params


def test_terms_of_wordpress(alice, bob):
    site = alice.site
    ours = ensure(site, "Coffee &amp; Tea")
    assert ensure(site, "COFFEE & TÉA", external_id="5", slug="%d9%82", count=3) == ours
    ours.refresh_from_db()
    assert (ours.name, ours.external_id, ours.slug, ours.count) == ("COFFEE & TÉA", "5", "ق", 3)
    # Renamed and moved there.
    top = ensure(site, "Drinks", external_id="6")
    ensure(site, "Hot drinks", external_id="5", parent_id=top.pk)
    ours.refresh_from_db()
    assert (ours.name, ours.parent_id, ours.slug) == ("Hot drinks", top.pk, "ق")
    # Where it goes there is one of ours: the two become one.
    waiting = ensure(site, "Warm")
    under = ensure(site, "Under it", parent_id=waiting.pk)
    assert ensure(site, "warm", external_id="5") == ours
    ours.refresh_from_db(), under.refresh_from_db()
    assert (ours.name, ours.parent_id, under.parent_id) == ("warm", None, ours.pk)
    assert not Taxonomy.objects.filter(pk=waiting.pk).exists()
    # Two terms of WordPress with one name: the first stands for both, again and again.
    assert ensure(site, "Warm", external_id="9") == ours == ensure(site, "Warm", external_id="9")
    ours.refresh_from_db()
    assert (ours.external_id, ours.name) == ("5", "warm")
    assert ensure(bob.site, "Warm", external_id="5") != ours
    for bad in ({"name": ""}, {"parent_id": 10**9}, {"parent_id": ensure(bob.site, "Bob's").pk},
                {"taxonomy": "tag", "parent_id": top.pk}):  # fmt: skip
        with pytest.raises(Invalid):
            ensure(site, **{"name": "Good", **bad})
    with pytest.raises(NotFound):
        taxonomy_ensure(account_id=bob.account.pk, site_id=site.pk, taxonomy="category", name="new")


def test_asking_again_writes_nothing(alice, django_assert_num_queries):
    ensure(alice.site, "Coffee", external_id="5")
    with django_assert_num_queries(1):
        ensure(alice.site, "Coffee", external_id="5")


@pytest.mark.django_db(transaction=True)
def test_at_once_it_is_made_once_and_circles_are_not(alice):
    a, b = ensure(alice.site, "A"), ensure(alice.site, "B")

    def work(n: int):
        try:
            if n < 6:
                return ensure(
                    alice.site, ["Café", "cafe", "CAFÉ"][n % 3], external_id="7" if n % 2 else ""
                ).pk
            row, parent = (a, b) if n == 6 else (b, a)
            taxonomy_update(account_id=alice.account.pk, taxonomy_id=row.pk, changes={"parent": parent})
        except AppError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(work, range(8)))
    assert len(set(ended[:6])) == 1 and Taxonomy.objects.get(pk=ended[0]).external_id == "7"
    assert [type(e) for e in ended[6:]].count(Invalid) == 1
    assert Taxonomy.objects.filter(parent=None).count() == 2
