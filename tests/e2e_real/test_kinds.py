"""Where articles go at a real WordPress: post types and taxonomies of others, trees of terms, authors of theirs."""

import pytest

from apps.core.errors import Conflict
from apps.integration.models import SiteIntegration
from apps.publisher.models import PublishingRecord
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from tests.e2e_real.test_publish import connect
from tests.factories.publisher import ApprovedContentFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(alice, wordpress, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    wordpress.more_types(True)
    alice.connection = connect(alice, wordpress.url, wordpress)
    return alice


@pytest.fixture
def rest(wordpress):
    with wordpress.api() as client:
        yield client


def publish(content, reference="test:1"):
    return content_publish(account_id=content.account_id, content_id=content.pk, reference=reference)


def change(site, **fields):
    answer = site.client.patch(f"/api/v1/integration/{site.connection}/", fields)
    assert answer.status_code == 200, answer.content


def test_an_article_becomes_what_the_site_wants(site, rest, wordpress):
    """A custom type with its own taxonomies; a tree of terms is made where it is missing, once."""
    change(site, post_types={"post": "event"}, author="author")
    path = ["Drinks > Coffee & Tea > Cold brew", "Plain", "Drinks"]
    content = ApprovedContentFactory(
        site=site.site, categories=path, tags=["easy > going", "水"], meta_title=""
    )
    rest.post("/genres", json={"name": "Cold brew"})  # of the same name, elsewhere in the tree
    done = publish(content)
    expected = {"title", "html", "slug", "status", "categories", "tags", "date", "author"}
    assert {done["fields"][name] for name in expected} == {"kept"}, done["fields"]
    event = rest.get(f"/events/{done['external_id']}", params={"context": "edit"}).json()
    genres = {t["id"]: t for t in rest.get("/genres", params={"per_page": 100}).json()}
    assert len(genres) == 5

    def way(term: int) -> str:
        above = genres[term]["parent"]
        return (way(above) + " > " if above else "") + genres[term]["name"]

    assert {way(i) for i in event["genres"]} == {"Drinks > Coffee &amp; Tea > Cold brew", "Plain", "Drinks"}
    moods = {t["id"]: t["name"] for t in rest.get("/mood").json()}
    assert sorted(moods[i] for i in event["mood"]) == ["easy &gt; going", "水"]
    users = {u["slug"]: u["id"] for u in rest.get("/users").json()} | {
        u["slug"]: u["id"] for u in rest.get("/users", params={"context": "edit"}).json()
    }
    assert event["author"] == users["author"]
    again = publish(content, "test:2")
    assert (again["external_id"], set(again["fields"].values())) == (
        done["external_id"],
        set(done["fields"].values()),
    )
    assert len(rest.get("/genres", params={"per_page": 100}).json()) == 5
    assert rest.get("/posts", params={"status": "any"}).json() == []


def test_the_text_of_a_term_becomes_what_was_chosen(site, rest):
    content = ApprovedContentFactory(site=site.site, content_type="taxonomy_term", categories=[], tags=[])
    with pytest.raises(Conflict, match="taxonomy_term"):
        publish(content)
    assert rest.get("/posts", params={"status": "any"}).json() == []
    change(site, post_types={"taxonomy_term": "page"})
    done = publish(content, "test:2")
    assert rest.get(f"/pages/{done['external_id']}").json()["slug"] == content.slug
    change(site, post_types={})
    assert publish(content, "test:3")["external_id"] == done["external_id"]  # what is out stays so


def test_an_seo_plug_in_that_comes_later(site, rest, wordpress):
    content = ApprovedContentFactory(site=site.site, categories=[], tags=[])
    assert publish(content)["fields"]["meta_title"] == "dropped"
    wordpress.writable_meta("rank_math_title")
    assert publish(content, "test:2")["fields"]["meta_title"] == "kept"
    rest.post(
        "/posts/" + content.wordpress_posts.get().path.split("/")[-1],
        json={"meta": {"rank_math_title": "Hers"}},
    )
    assert publish(content, "test:3")["fields"]["meta_title"] == "changed"


def test_products(site, rest, wordpress):
    wordpress.writable_meta("rank_math_title")
    content = ApprovedContentFactory(
        site=site.site, content_type="product", categories=["Jars"], tags=["glass"]
    )
    done = publish(content)
    product = rest.get(f"/product/{done['external_id']}").json()
    (category,) = rest.get("/product_cat").json()
    assert (product["product_cat"], category["name"]) == ([category["id"]], "Jars")
    assert done["fields"]["categories"] == done["fields"]["tags"] == done["fields"]["html"] == "kept"


def test_what_can_not_be_is_told(site, rest, wordpress):
    """A type that nobody shows, a taxonomy that is none of the type's, an author who is not there or not ours to be."""
    change(site, post_types={"post": "hidden"})
    content = ApprovedContentFactory(site=site.site)
    with pytest.raises(TargetFailed, match="post_types"):
        publish(content)
    assert PublishingRecord.objects.get().status == "failed"
    change(site, post_types={}, taxonomies={"categories": "genre"}, author="nobody at all")
    done = publish(content, "test:2")
    assert done["fields"]["author"] == "dropped" and done["fields"]["categories"] == "kept"
    page = ApprovedContentFactory(site=site.site, content_type="page")
    assert publish(page)["fields"]["categories"] == "dropped"
    user = wordpress.users["author"]
    change(site, username=user["login"], app_password=user["application_password"], author="administrator")
    mine = ApprovedContentFactory(site=site.site, categories=[], tags=[])
    assert publish(mine)["fields"]["author"] == "dropped"
    change(site, author="author")
    assert publish(mine, "test:2")["fields"]["author"] == "kept"


def test_which_connection(site, bob):
    content = ApprovedContentFactory(site=site.site)
    path = f"/api/v1/writer/content/{content.pk}/publish_to_wordpress/"
    foreign = SiteIntegration.objects.create(
        account=bob.account, site=bob.site, base_url="https://b.example.com"
    )
    for wrong in (foreign.pk, 0, "x", 10**12):
        answer = site.client.post(path, {"integration_id": wrong})
        assert answer.status_code == 400 and "integration_id" in answer.json()["details"], answer.content
    for right in (site.connection, None):
        assert site.client.post(path, {"integration_id": right}).status_code == 200
