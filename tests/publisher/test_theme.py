"""How a hosted site looks, and what search engines are told of its questions."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as Picture
from selectolax.lexbor import LexborHTMLParser

from apps.publisher.models import SiteTheme
from apps.publisher.services.publishing import content_publish
from tests.factories.publisher import ApprovedContentFactory, png

pytestmark = pytest.mark.django_db
HOME = "/sites/alice-site/"


@pytest.fixture
def path(alice, settings):
    settings.PUBLIC_URL = "http://testserver"
    return f"/api/v1/publisher/theme/?site_id={alice.site.pk}"


def test_a_site_looks_as_its_owner_wants(alice, path, django_assert_max_num_queries):
    plain = Client().get(HOME)
    assert "theme.css" not in plain.content.decode()
    look = {"accent": "#7A1F4D", "font": "rounded", "footer_text": "© Alice <b>& Co</b> 🫘"}
    answer = alice.client.patch(path, look)
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["accent"] == "#7a1f4d"
    logo = SimpleUploadedFile("logo.png", png("maroon"), "image/png")
    found = alice.client.patch(path, {"logo": logo}, format="multipart").json()["data"]
    assert (found["font"], found["footer_text"]) == (
        "rounded",
        look["footer_text"],
    )  # what was not named stays
    with django_assert_max_num_queries(2):
        page = LexborHTMLParser(Client().get(HOME).content.decode())
    assert page.css_first("footer span").text() == look["footer_text"]
    assert page.css_first("footer b") is None
    (style,) = [
        n.attributes["href"] for n in page.css("link[rel=stylesheet]") if "theme" in n.attributes["href"]
    ]
    css = Client().get(style)
    assert css["Content-Type"].startswith("text/css") and "--accent: #7a1f4d" in css.content.decode()
    image = page.css_first("a.brand img").attributes
    shown = Client().get(image["src"])
    assert (image["alt"], shown["Content-Type"]) == (alice.site.name, "image/png")
    assert Picture.open(io.BytesIO(b"".join(shown.streaming_content))).size == (30, 20)
    defined = Client().get(f"/api/v1/publisher/site-definition/?site_id={alice.site.pk}").json()["data"]
    assert defined["theme"]["accent"] == "#7a1f4d" and defined["theme"]["logo_url"].startswith(
        "http://testserver"
    )
    taken_away = alice.client.patch(path, {"logo": None, "accent": ""}, format="json").json()["data"]
    assert (taken_away["logo_url"], taken_away["accent"]) == ("", "")
    assert Client().get(f"{HOME}logo.png").status_code == 404
    assert SiteTheme.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"accent": "red"},
        {"accent": "#12345"},
        {"paper": "#fff;}body{display:none"},
        {"ink": "#f0f0f0"},  # on light paper
        {"paper": "#101010"},  # under dark ink
        {"font": "Comic Sans"},
        {"colour": "#123456"},  # misspelt, and not lost in silence
        {"footer_text": "x" * 501},
        {"logo": SimpleUploadedFile("a.svg", b"<svg onload='alert(1)'/>", "image/svg+xml")},
        {"logo": SimpleUploadedFile("a.png", b"\x89PNG" + b"\0" * 1024 * 1024, "image/png")},
    ],
)
def test_what_nobody_could_read_is_refused(alice, path, wrong):
    kind = "multipart" if "logo" in wrong else "json"
    answer = alice.client.patch(path, wrong, format=kind)
    assert answer.status_code == 400, answer.content
    named = next(iter(wrong))
    assert {"paper": "ink"}.get(named, named) in answer.json()["details"] or named in answer.json()["details"]
    assert not SiteTheme.objects.exclude(accent="", paper="", ink="", logo="").exists()


def test_who_may(alice, bob, path):
    assert bob.client.get(path).status_code == bob.client.patch(path, {"accent": ""}).status_code == 404
    assert alice.as_role("viewer").get(path).json()["data"]["font"] == "standard"
    assert alice.as_role("editor").patch(path, {"accent": ""}).status_code == 403
    assert alice.client.get("/api/v1/publisher/theme/").status_code == 400


def test_questions_and_answers_are_told(alice, path):
    html = (
        "<p>Intro.</p><h2>FAQ</h2><h3>How long?</h3><p>Twelve <b>hours</b>.</p><p>Or more.</p>"
        "<h3>كم؟</h3><ul><li>eight</li></ul><h3>No question</h3><p>x</p><h3>Empty?</h3><h2>End</h2>"
    )
    content = ApprovedContentFactory(site=alice.site, html=html)
    url = content_publish(account_id=alice.account.pk, content_id=content.pk, reference="t")["external_url"]
    page = LexborHTMLParser(Client().get(url.removeprefix("http://testserver")).content.decode())
    graph = json.loads(page.css_first("script[type='application/ld+json']").text())["@graph"]
    assert [node["@type"] for node in graph] == ["Article", "BreadcrumbList", "FAQPage"]
    assert [(q["name"], q["acceptedAnswer"]["text"]) for q in graph[2]["mainEntity"]] == [
        ("How long?", "Twelve hours . Or more."),
        ("كم؟", "eight"),
    ]
