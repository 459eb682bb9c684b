"""The hosted site as readers and search engines see it."""

import json
from urllib.parse import unquote, urljoin
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from selectolax.lexbor import LexborHTMLParser

from apps.intelligence.functions import FUNCTIONS
from apps.intelligence.services.calls import text_call
from apps.publisher.models import HostedPage
from apps.publisher.services.pages import category_slug, slug_clean
from apps.publisher.services.publishing import content_publish
from apps.writer.models import Content
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture(autouse=True)
def _public_url(settings):
    settings.PUBLIC_URL = "http://testserver"


def publish(content) -> str:
    done = content_publish(account_id=content.account_id, content_id=content.pk, reference="test:1")
    return done["external_url"]


def get(url, **headers):
    return Client().get(url.removeprefix("http://testserver"), headers=headers)


def tree(answer) -> LexborHTMLParser:
    assert answer.status_code == 200, answer.content[:500]
    return LexborHTMLParser(answer.content.decode())


def links(page) -> set[str]:
    found = {a.attributes["href"] for a in page.css("a, link") if "/static/" not in a.attributes["href"]}
    return {urljoin("http://testserver", unquote(url)) for url in found if not url.startswith("#")}


def test_every_link_of_the_site_leads_somewhere(alice):
    for n, title in enumerate(["Kalter Kaffee", "قهوة باردة", "冷萃咖啡", "☕", "Kaffee & <b>Milch</b>"]):
        content = ApprovedContentFactory(
            site=alice.site, title=title, slug=title, categories=[f"{title} 🌊", "☕"]
        )
        if n % 2:
            GeneratedImageFactory(content=content)
        publish(content)
    seen, waiting = set(), {"http://testserver/sites/alice-site/"}
    while waiting:
        url = waiting.pop()
        seen.add(url)
        answer = get(url)
        assert answer.status_code == 200, url
        if answer["Content-Type"].startswith("text/html"):
            page = LexborHTMLParser(answer.content.decode())
            waiting |= links(page) - seen
            for img in page.css("img"):
                assert get(urljoin(url, img.attributes["src"])).status_code == 200
    assert len([u for u in seen if "/category/" in u]) == 6 and len(seen) == 1 + 5 + 6 + 1
    assert all(u.isascii() for u in HostedPage.objects.values_list("content__external_url", flat=True))


def test_article_tells_search_engines_what_it_is(alice, content):
    GeneratedImageFactory(content=content, alt='A "jar"')
    url = publish(content)
    page = tree(get(url))
    meta = {
        m.attributes.get("property") or m.attributes.get("name"): m.attributes.get("content")
        for m in page.css("meta")
    }
    assert page.css_first("title").text() == "Cold brew ratio"
    assert page.css_first("link[rel=canonical]").attributes["href"] == url == meta["og:url"]
    assert meta["description"] == content.meta_description and meta["og:type"] == "article"
    assert meta["og:image"].startswith("http://testserver/sites/alice-site/images/")
    assert meta["og:image:alt"] == 'A "jar"'
    article, crumbs = json.loads(page.css_first("script").text())["@graph"]
    assert article["@type"] == "Article" and article["mainEntityOfPage"] == url
    assert [c["name"] for c in crumbs["itemListElement"]] == ["Alice's site", "Coffee", content.title]
    assert [h.text() for h in page.css("h1")] == [content.title]
    assert page.css_first("a.skip").attributes["href"] == "#content" and page.css_first("main#content")
    assert page.css_first("nav[aria-label]") and page.css_first("footer") and page.css_first("time[datetime]")


def test_right_to_left_in_its_own_language(alice):
    alice.site.language = "ar"
    alice.site.save()
    page = tree(get(publish(ApprovedContentFactory(site=alice.site, title="قهوة باردة", slug="قهوة-باردة"))))
    assert page.css_first("html").attributes == {"lang": "ar", "dir": "rtl"}
    assert page.css_first("a.skip").text() == "انتقل إلى المحتوى"
    for language in ("xx-bad", "zh-Hant", "pt-BR", "e", ""):
        alice.site.language = language
        alice.site.save()
        assert tree(get("/sites/alice-site/")).css_first("html").attributes["dir"] == "ltr"


def test_an_offline_draft_reads_well(alice, content):
    given = {"title": "Cold brew", "primary_keyword": "cold brew", "keywords": "cold brew ratio\nhow to make cold brew",
             "word_count": 600, "include_faq": True, "language": "en"}  # fmt: skip
    inputs = {**dict.fromkeys(FUNCTIONS["content"].variables, ""), **given}
    draft = text_call(function="content", inputs=inputs, account_id=alice.account.pk).data
    Content.objects.filter(pk=content.pk).update(html=draft["html"], title=draft["title"])
    body = tree(get(publish(content))).css_first(".body")
    assert "Offline draft." in body.css_first("p:first-child > strong").text()
    assert len(body.css("h2")) > 2 and not body.css("h1") and len(body.css("li")) > 3


def test_home_turns_pages(alice):
    for content in ApprovedContentFactory.create_batch(14, site=alice.site):
        publish(content)
    first = tree(get("/sites/alice-site/"))
    assert len(first.css("article.card")) == 12 and not first.css("a[rel=prev]")
    second = tree(get(first.css_first("a[rel=next]").attributes["href"]))
    assert len(second.css("article.card")) == 2 and not second.css("a[rel=next]")
    assert second.css_first("a[rel=prev]").attributes["href"] == "/sites/alice-site/"
    assert second.css_first("link[rel=canonical]").attributes["href"].endswith("/?page=2")
    for page in ("3", "0", "-1", "x", "٢", "9" * 40, "1e3"):
        assert get(f"/sites/alice-site/?page={page}").status_code == 404


def test_categories_that_share_an_address_are_one(alice):
    a = ApprovedContentFactory(site=alice.site, categories=["Cold Brew"])
    b = ApprovedContentFactory(site=alice.site, categories=["cold brew!"])
    ApprovedContentFactory(site=alice.site, categories=["Cold Brew"], status="draft")
    for content in (a, b):
        publish(content)
    page = tree(get("/sites/alice-site/category/cold-brew/"))
    assert len(page.css("article.card")) == 2
    assert get("/sites/alice-site/category/tea/").status_code == 404


def test_slugs():
    assert slug_clean("Über  Kaffee!") == "über-kaffee"
    assert slug_clean("☕🌊") == "" and category_slug("☕").startswith("c-")
    assert category_slug("☕") != category_slug("🌊")
    assert slug_clean("a/../b\x00?c=d#e") == "a-b-c-d-e"
    long = slug_clean("قهوة " * 100)
    assert len(long.encode()) * 3 <= 600 and not long.endswith("-")


def test_what_is_not_there(alice, bob, content):
    url = publish(content)
    missing = get("/sites/alice-site/nothing/")
    assert missing.status_code == 404 and "There is no such page." in missing.content.decode()
    assert get(url.replace("alice-site", "bob-site")).status_code == 404
    for path in ("", "sitemap.xml", "feed.xml", "robots.txt", "x/", "category/x/"):
        assert get(f"/sites/nobody/{path}").status_code == 404
    assert Client().post("/sites/alice-site/").status_code == 405
    for field in ("is_active", "is_hosted"):
        setattr(alice.site, field, False)
        alice.site.save()
        for path in (
            url,
            "/sites/alice-site/",
            "/sites/alice-site/feed.xml",
            "/sites/alice-site/sitemap.xml",
        ):
            assert get(path).status_code == 404
        setattr(alice.site, field, True)
    alice.account.status = "suspended"
    alice.account.save()
    alice.site.save()
    assert get(url).status_code == 404 and get("/sites/alice-site/").status_code == 404


def test_conditional_requests(alice, content):
    url = publish(content)
    for path in (url, "/sites/alice-site/", "/sites/alice-site/feed.xml", "/sites/alice-site/sitemap.xml"):
        answer = get(path)
        assert "max-age=60" in answer["Cache-Control"] and "sessionid" not in answer.cookies
        assert "Cookie" not in answer.get("Vary", "")
        assert get(path, if_none_match=answer["ETag"]).status_code == 304
    answer = get(url)
    assert get(url, if_modified_since=answer["Last-Modified"]).status_code == 304
    Content.objects.filter(pk=content.pk).update(html="<p>Anew.</p>")
    content_publish(account_id=content.account_id, content_id=content.pk, reference="test:2")
    assert get(url, if_none_match=answer["ETag"]).status_code == 200


def test_sitemap_feed_and_robots(alice):
    url = publish(ApprovedContentFactory(site=alice.site, title="Q&A <i>\x0b", slug="ق", categories=["A&B"]))
    xml = ElementTree.fromstring(get("/sites/alice-site/sitemap.xml").content)
    found = {e.find(f"{SITEMAP}loc").text: e.find(f"{SITEMAP}lastmod") for e in xml}
    assert found[url].text and "http://testserver/sites/alice-site/category/a-b/" in found
    rss = ElementTree.fromstring(get("/sites/alice-site/feed.xml").content)
    item = rss.find("channel/item")
    assert (item.find("link").text, item.find("title").text, item.find("category").text) == (
        url,
        "Q&A <i>",
        "A&B",
    )
    assert rss.find(f"channel/{ATOM}link").attrib["href"].endswith("/sites/alice-site/feed.xml")
    assert (
        b"Sitemap: http://testserver/sites/alice-site/sitemap.xml"
        in get("/sites/alice-site/robots.txt").content
    )


def test_a_large_site_has_a_sitemap_in_parts_that_hold_all(alice, monkeypatch):
    monkeypatch.setattr("apps.publisher.views.site.SITEMAP_SIZE", 2)
    urls = {publish(content) for content in ApprovedContentFactory.create_batch(5, site=alice.site)}

    def found(query=""):
        answer = get(f"/sites/alice-site/sitemap.xml{query}")
        assert answer.status_code == 200
        return [e.find(f"{SITEMAP}loc").text for e in ElementTree.fromstring(answer.content)]

    parts = found()
    assert parts == [f"http://testserver/sites/alice-site/sitemap.xml?part={n}" for n in (1, 2, 3)]
    listed = [url for n in (1, 2, 3) for url in found(f"?part={n}")]
    others = {"http://testserver/sites/alice-site/", "http://testserver/sites/alice-site/category/coffee/"}
    assert set(listed) == urls | others and len(listed) == len(set(listed))
    for odd in ("4", "0", "x", "-1", "9999999"):
        assert get(f"/sites/alice-site/sitemap.xml?part={odd}").status_code == 404


def test_a_site_of_any_name_has_a_feed(alice):
    alice.client.patch(f"/api/v1/auth/sites/{alice.site.pk}/", {"name": "A\x0b\x1b]]><b>&"}, format="json")
    rss = ElementTree.fromstring(get("/sites/alice-site/feed.xml").content)
    assert rss.find("channel/title").text == "A]]><b>&"


def test_two_queries_a_page(alice):
    urls = ["/sites/alice-site/", "/sites/alice-site/category/coffee/", "/sites/alice-site/sitemap.xml",
            "/sites/alice-site/feed.xml", "/api/v1/publisher/site-definition/?site=alice-site"]  # fmt: skip
    for number in (2, 18):
        for content in ApprovedContentFactory.create_batch(number, site=alice.site):
            GeneratedImageFactory(content=content)
            article = publish(content)
        for url in [*urls, article]:
            with CaptureQueriesContext(connection) as asked:
                assert get(url).status_code == 200
            counter = 1 if url.startswith("/api/") else 0  # of the rate limit
            assert len(asked) == 2 + counter, (url, asked.captured_queries)


def test_site_definition(alice, bob, content, anonymous):
    GeneratedImageFactory(content=content)
    url = publish(content)
    ApprovedContentFactory(site=alice.site, title="Secret draft", status="draft")
    Content.objects.filter(pk=content.pk).update(title="Secret edit")
    path = "/api/v1/publisher/site-definition/"
    answer = anonymous.get(path, {"site": "alice-site"})
    assert answer.status_code == 200, answer.content
    data = answer.json()["data"]
    assert set(data) == {"name", "slug", "language", "url", "theme", "categories", "pages"}
    (page,) = data["pages"]
    assert set(page) == {"title", "slug", "url", "excerpt", "published_at", "categories", "image"}
    assert page["url"] == url and get(page["image"]["url"]).status_code == 200
    assert set(page["image"]) == {"url", "alt", "width", "height"}
    assert data["categories"][0]["slug"] == "coffee"
    text = answer.content.decode()
    for secret in ("Secret", "alice@example.com", '"account', "domain", "prompt"):
        assert secret not in text
    assert anonymous.get(path, {"site_id": alice.site.pk}).json()["data"] == data
    assert (
        anonymous.get(path, {"site": "alice-site"}, headers={"If-None-Match": answer["ETag"]}).status_code
        == 304
    )
    assert "public" in answer["Cache-Control"] and int(answer["X-RateLimit-Limit"]) > 0

    bob.site.is_hosted = False
    bob.site.save()
    for slug, pk in (("bob-site", bob.site.pk), ("nobody", 999_999_999)):
        assert anonymous.get(path, {"site": slug}).status_code == 404
        answer = anonymous.get(path, {"site_id": pk})
        assert answer.status_code == 200 and answer.json()["data"] is None
    for query in ({}, {"site_id": "x"}, {"site": "a", "site_id": 1}):
        assert anonymous.get(path, query).status_code == 400


@pytest.mark.parametrize(
    "odd", ["%00", "a%00b", "%ff", "%ed%a0%80", "%0a", "%f4%90%80%80", "..", "%2e%2e%2f", "x" * 3000]
)
def test_odd_bytes_in_an_address_are_not_found(alice, odd):
    publish(ApprovedContentFactory(site=alice.site))
    for path in (f"{odd}/", f"images/{odd}", f"category/{odd}/"):
        assert get(f"/sites/alice-site/{path}").status_code == 404, path


@pytest.mark.parametrize("path", ["", "feed.xml", "images/x.png", "no-page/"])
def test_the_site_is_only_read(alice, path):
    client = Client(enforce_csrf_checks=True)
    for method in ("post", "put", "delete"):
        assert getattr(client, method)(f"/sites/alice-site/{path}").status_code == 405
