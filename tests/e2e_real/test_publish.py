"""Articles at a real WordPress: every field there, once, whatever happens to the answers."""

import zlib

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from apps.core.locks import Busy
from apps.integration.models import SiteIntegration, SyncedPost
from apps.publisher.models import PublishingRecord, WordPressMedium, WordPressPost
from apps.publisher.services.dispatch import posts_tidy
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from apps.writer.models import Content, Image
from tests.billing.threads import at_once
from tests.e2e_real.faulty import faulty_proxy
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory

pytestmark = pytest.mark.django_db(transaction=True)
HTML = """<p>Start with <strong>one part</strong> of coffee &amp; “care”.</p>
<h2>Water</h2><p>Eight parts — مرحبا, 水, 🫘.</p><ul><li>cold<ul><li>filtered</li></ul></li><li>fresh</li></ul>
<h2>Time</h2><table><thead><tr><th>Hours</th></tr></thead><tbody><tr><td>12 &lt; 24</td></tr></tbody></table>
<blockquote><p>Patience.</p></blockquote><pre><code>1 : 8</code></pre>"""


@pytest.fixture
def connected(alice, wordpress, settings):
    """Alice's site, connected through the API."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    alice.connection = connect(alice, wordpress.url, wordpress)
    return alice


@pytest.fixture
def faulty(alice, wordpress, settings):
    """Alice's site, connected to the same WordPress behind a proxy that breaks answers."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    with faulty_proxy(wordpress.url) as proxy:
        alice.connection = connect(alice, proxy.url, wordpress)
        yield proxy


def connect(alice, url, wordpress, role="administrator") -> int:
    user = wordpress.users[role]
    answer = alice.client.post(
        "/api/v1/integration/",
        {
            "site": alice.site.pk,
            "base_url": url,
            "username": user["login"],
            "app_password": user["application_password"],
        },
    )
    assert answer.status_code == 201, answer.content
    assert user["application_password"] not in answer.content.decode()
    return answer.json()["data"]["id"]


@pytest.fixture
def rest(wordpress):
    """Looks into WordPress past our own client."""
    with wordpress.api() as client:
        yield client


@pytest.fixture
def article(connected):
    number = Content.objects.count()
    key = connected.site.pk * 1000 + number
    content = ApprovedContentFactory(
        site=connected.site,
        title=f"Cold brew & “quotes” 🫘 {key}",
        slug=f"cold-brew-{key}",
        html=HTML,
        categories=["Coffee", "Brewing & Gear"],
        tags=["cold brew", "水"],
    )
    GeneratedImageFactory(content=content, color="navy", alt='A jar of "cold" brew')
    GeneratedImageFactory(
        content=content, kind=Image.Kind.IN_ARTICLE, position=1, color="olive", alt="A clock", caption="12 h"
    )
    yield content


def publish(content, reference="test:1"):
    return content_publish(account_id=content.account_id, content_id=content.pk, reference=reference)


def posts_of(rest, content) -> list[dict]:
    """Every post that could be this article, in any state."""
    found = rest.get(
        "/posts",
        params={
            "status": "publish,future,draft,pending,private,trash",
            "context": "edit",
            "per_page": 100,
            "search": content.title.split()[-1],
        },
    ).json()
    key = f"igny8-{content.content_key.hex}"
    return [p for p in found if content.slug in p["slug"] or key in p["slug"]]


def media_of(rest) -> list[str]:
    return sorted(m["slug"] for m in rest.get("/media", params={"per_page": 100}).json())


def test_connection(connected, wordpress):
    answer = connected.client.post(f"/api/v1/integration/{connected.connection}/test_connection/")
    found = answer.json()["data"]
    assert (found["connected"], found["cause"], found["user"]) == (
        True,
        "",
        wordpress.users["administrator"]["login"],
    ), found
    assert [c["ok"] for c in found["checks"]] == [True, True, True]
    assert SiteIntegration.objects.get().status == "connected"
    SiteIntegration.objects.update(app_password="wrong wrong wrong")
    answer = connected.client.post(f"/api/v1/integration/{connected.connection}/test_connection/")
    found = answer.json()["data"]
    assert (found["connected"], found["cause"]) == (False, "credentials"), found
    SiteIntegration.objects.update(username="nobody-at-all")
    found = connected.client.post(f"/api/v1/integration/{connected.connection}/test_connection/").json()
    assert found["data"]["cause"] == "credentials"
    assert "application password" in SiteIntegration.objects.get().last_error


def test_every_field_is_there(connected, article, rest, run_jobs):
    answer = connected.client.post(f"/api/v1/writer/content/{article.pk}/publish_to_wordpress/")
    assert answer.status_code == 200, answer.content
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    article.refresh_from_db()
    (post,) = posts_of(rest, article)
    assert post["title"]["raw"] == article.title  # neither “quotes” nor & are changed
    assert post["excerpt"]["raw"] == article.excerpt
    assert (post["slug"], post["status"]) == (article.slug, "publish")
    assert (str(post["id"]), post["link"]) == (article.external_id, article.external_url)
    assert article.status == article.site_status == "published"
    assert article.published_at.strftime("%Y-%m-%dT%H:%M:%S") == post["date_gmt"]
    terms = [
        t for kind in ("categories", "tags") for t in rest.get(f"/{kind}", params={"per_page": 100}).json()
    ]
    names = {t["id"]: t["name"] for t in terms}
    assert sorted(names[i] for i in post["categories"]) == ["Brewing &amp; Gear", "Coffee"]
    assert sorted(names[i] for i in post["tags"]) == ["cold brew", "水"]
    featured = rest.get(f"/media/{post['featured_media']}").json()
    assert featured["alt_text"] == 'A jar of "cold" brew'
    raw = post["content"]["raw"]
    page = LexborHTMLParser(httpx.get(article.external_url).text)
    picture = page.css_first("figure.wp-block-image img[alt='A clock']")
    assert httpx.get(picture.attributes["src"]).headers["content-type"] == "image/png"
    assert "Eight parts — مرحبا, 水, 🫘." in raw
    assert raw.count("<!-- wp:") == raw.count("<!-- /wp:")
    (record,) = PublishingRecord.objects.all()
    assert record.fields.pop("meta_title") == record.fields.pop("meta_description") == "dropped"
    assert set(record.fields) == {"title", "excerpt", "slug", "status", "html", "categories", "tags", "date",
                                  "featured_image", "images", "alt_texts"}  # fmt: skip
    assert set(record.fields.values()) == {"kept"}, record.fields


def test_again_changes_nothing_and_an_update_one_post(article, rest):
    first = publish(article)
    media, modified = media_of(rest), posts_of(rest, article)[0]["modified_gmt"]
    again = publish(article, "test:2")
    assert again["external_id"] == first["external_id"]
    assert media_of(rest) == media
    assert posts_of(rest, article)[0]["modified_gmt"] == modified
    article.refresh_from_db()
    article.title, article.tags = f"New title {article.slug}", ["iced"]
    article.save()
    publish(article, "test:3")
    (post,) = [p for p in rest.get("/posts", params={"search": article.slug, "context": "edit"}).json()]
    assert (str(post["id"]), post["title"]["raw"]) == (first["external_id"], article.title)
    assert len(post["tags"]) == 1
    assert media_of(rest) == media


def test_many_at_once_are_one_post(article, rest):
    def one(number):
        return publish(article, f"test:{number}")["external_id"]

    found = at_once(6, one)
    assert len({f for f in found if not isinstance(f, Busy)}) == 1, found
    assert len(posts_of(rest, article)) == 1


def test_a_connection_made_anew_finds_its_posts(connected, article, wordpress, rest):
    first = publish(article)
    answer = connected.client.delete(f"/api/v1/integration/{connected.connection}/")
    assert answer.status_code == 200
    connect(connected, wordpress.url, wordpress)
    media = media_of(rest)
    again = publish(article, "test:2")
    assert again["external_id"] == first["external_id"]
    assert len(posts_of(rest, article)) == 1
    assert media_of(rest) == media


def test_deleted_and_trashed_there(article, rest):
    first = publish(article)
    rest.delete(f"/posts/{first['external_id']}")
    with pytest.raises(TargetFailed, match="trash"):
        publish(article, "test:2")
    rest.delete(f"/posts/{first['external_id']}", params={"force": "true"})
    again = publish(article, "test:3")
    assert again["external_id"] != first["external_id"]
    assert len(posts_of(rest, article)) == 1


def test_a_taken_slug_is_told(connected, article, rest):
    rest.post("/posts", json={"title": "Theirs", "slug": article.slug, "status": "publish"})
    done = publish(article)
    assert done["fields"]["slug"] == "changed"
    assert done["external_url"].rstrip("/").endswith(f"{article.slug}-2")


@pytest.mark.parametrize("fault", ["lost", "cut", "busy", "down"])
@pytest.mark.parametrize("step", ["create", "upload", "update"])
def test_broken_answers(faulty, alice, rest, fault, step):
    content = ApprovedContentFactory(
        site=alice.site,
        title=f"Broken {fault} {step} {alice.site.pk}",
        slug=f"broken-{fault}-{step}-{alice.site.pk}",
    )
    GeneratedImageFactory(
        content=content,
        color=f"#{alice.site.pk % 256:02x}{zlib.crc32(fault.encode()) % 256:02x}{zlib.crc32(step.encode()) % 256:02x}",
    )
    faulty.plan[step, 1] = fault
    before = len(media_of(rest))
    for attempt in range(4):
        try:
            done = publish(content)
            break
        except TargetFailed as error:
            assert not error.permanent, error
            assert PublishingRecord.objects.get().status == "publishing"
            assert attempt < 3
    assert faulty.seen[step] >= (1 if fault in ("lost", "cut") and step != "update" else 2)
    assert len(posts_of(rest, content)) == 1
    assert len(media_of(rest)) == before + 1
    assert {done["fields"][name] for name in ("title", "html", "images", "featured_image")} == {"kept"}


def test_a_draft_that_comes_late_is_tidied(article, rest):
    done = publish(article)
    late = rest.post(
        "/posts", json={"status": "draft", "slug": f"igny8-{article.content_key.hex}", "title": article.title}
    ).json()
    medium = WordPressMedium.objects.order_by("pk").first()
    picture = rest.get(f"/media/{medium.external_id}").json()
    file = {"file": ("late.png", httpx.get(picture["source_url"]).content, "image/png")}
    double = rest.post("/media", data={"slug": picture["slug"]}, files=file).json()
    assert double["slug"] == f"{picture['slug']}-2"
    WordPressPost.objects.update(tidy_at="2020-01-01T00:00Z")
    assert posts_tidy() == 2
    assert rest.get(f"/media/{double['id']}").status_code == 404
    assert rest.get(f"/posts/{late['id']}").status_code == 404
    assert [str(p["id"]) for p in posts_of(rest, article)] == [done["external_id"]]
    assert not WordPressPost.objects.filter(tidy_at__isnull=False).exists()


def test_seo_fields_where_they_are_registered(article, wordpress, rest):
    keys = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc", "_yoast_wpseo_focuskw", "rank_math_title")
    wordpress.writable_meta(*keys)
    article.primary_keyword = "cold brew"
    article.save()
    done = publish(article)
    assert {done["fields"][n] for n in ("meta_title", "meta_description", "primary_keyword")} == {"kept"}
    meta = posts_of(rest, article)[0]["meta"]
    assert (meta["_yoast_wpseo_title"], meta["rank_math_title"]) == (article.meta_title, article.meta_title)
    assert meta["_yoast_wpseo_focuskw"] == "cold brew"


def test_an_author_with_fewer_rights(alice, wordpress, rest, settings):
    """No unfiltered HTML, no new categories: what is lost is told, what is there is whole."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    alice.connection = connect(alice, wordpress.url, wordpress, role="author")
    rest.post("/categories", json={"name": "Coffee"})
    content = ApprovedContentFactory(
        site=alice.site,
        title="R&D <at> home",
        html=HTML,
        categories=["Coffee", "New one"],
        tags=["fresh tag"],
    )
    GeneratedImageFactory(content=content, color="maroon")
    done = publish(content)
    assert {done["fields"][n] for n in ("html", "images", "featured_image", "slug", "excerpt")} == {"kept"}
    assert done["fields"]["categories"] == "changed"
    assert len(posts_of(rest, content)) == 1


def test_categories_that_were_taken_away_are_gone_there_too(connected, rest):
    content = ApprovedContentFactory(site=connected.site, categories=["Coffee"], tags=["cold"])
    assert publish(content)["fields"]["categories"] == "kept"
    assert [t["name"] for t in terms_of(rest, content)] == ["Coffee"]
    Content.objects.filter(pk=content.pk).update(categories=[], tags=[])
    done = publish(content, "test:2")
    assert (done["fields"]["categories"], done["fields"]["tags"]) == ("kept", "kept")
    assert "Coffee" not in [t["name"] for t in terms_of(rest, content)]
    assert posts_of(rest, content)[0]["tags"] == []
    modified = posts_of(rest, content)[0]["modified_gmt"]
    publish(content, "test:3")
    assert posts_of(rest, content)[0]["modified_gmt"] == modified
    # One that never had any keeps the one that WordPress gives it.
    without = ApprovedContentFactory(site=connected.site, categories=[])
    publish(without), publish(without, "test:2")
    assert len(terms_of(rest, without)) == 1


def terms_of(rest, content) -> list[dict]:
    post = posts_of(rest, content)[0]
    return rest.get("/categories", params={"post": post["id"]}).json()


def test_a_contributor_is_told_why_not(alice, wordpress, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    pk = connect(alice, wordpress.url, wordpress, role="contributor")
    found = alice.client.post(f"/api/v1/integration/{pk}/test_connection/").json()["data"]
    assert (found["connected"], found["cause"]) == (False, "capability")
    with pytest.raises(TargetFailed) as failed:
        publish(ApprovedContentFactory(site=alice.site))
    assert failed.value.permanent


def test_a_page_is_a_page(connected, rest):
    content = ApprovedContentFactory(site=connected.site, content_type="page")
    done = publish(content)
    assert rest.get(f"/pages/{done['external_id']}").json()["slug"] == content.slug


def test_another_wordpress_behind_the_connection(connected, article, rest, wordpress):
    """An id that means another post there is not written over; a site that moved is known again."""
    publish(article)
    row = WordPressPost.objects.get()
    theirs = rest.post("/posts", json={"title": "Theirs", "status": "publish"}).json()
    WordPressPost.objects.update(place="old.example.com", external_id=theirs["id"])
    WordPressMedium.objects.update(place="old.example.com")
    SyncedPost.objects.all().delete()  # as a change of the connection's address does
    before = media_of(rest)
    done = publish(article, "test:2")
    assert done["external_id"] not in (str(theirs["id"]), str(row.external_id))
    assert rest.get(f"/posts/{theirs['id']}").json()["title"]["rendered"] == "Theirs"
    assert media_of(rest) == before
    # The site has moved with all its posts: slug and title are the article's.
    article.refresh_from_db()
    article.slug = f"{article.slug}-2"
    article.save()
    WordPressPost.objects.filter(external_id=theirs["id"]).delete()
    WordPressPost.objects.update(place="old.example.com")
    assert publish(article, "test:3")["external_id"] == done["external_id"]


def test_hostile_titles_are_text(connected, rest):
    content = ApprovedContentFactory(site=connected.site, title="<script>alert(1)</script> & <b>more</b>")
    done = publish(content)
    page = httpx.get(done["external_url"]).text
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    assert done["fields"]["title"] == "kept"


def test_a_post_stays_a_post(connected, article, rest):
    first = publish(article)
    article.content_type = "page"
    article.save()
    assert publish(article, "test:2")["external_id"] == first["external_id"]
    assert len(posts_of(rest, article)) == 1
