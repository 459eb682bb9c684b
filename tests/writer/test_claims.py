"""Statements that an editor has to check, and links that do not answer."""

import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from django.utils import timezone

from apps.writer.models import Content
from apps.writer.services.claims import claims_of
from apps.writer.services.links import NOT_GIVEN, links_after, links_check
from tests.factories import SiteFactory
from tests.factories.writer import ContentFactory, ImageFactory

URL = "/api/v1/writer/content/"


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("About 40% of drinkers agree.", "figure"),
        ("It costs $5 a bag.", "figure"),
        ("Das kostet 12 Euro.", "figure"),
        ("Steep it for 18 hours.", "figure"),
        ("The ratio is 1:8.", "figure"),
        ("Sie wurde 1998 gegründet.", "date"),
        ("It opened on 3 March.", "date"),
        ("開店は2015年です。", "date"),
        ("According to the makers it is better.", "source"),
        ("Eine Studie zeigt das Gegenteil.", "source"),
        ("Selon les chercheurs, non.", "source"),
        ("وفقا للخبراء هذا صحيح.", "source"),
        ("Smith et al found otherwise.", "source"),
        ("Cold brew needs time.", ""),
        ("Step 3 is easy.", ""),
        ("I may go, and you may stay.", ""),
        ("☕️🎉", ""),
        ("", ""),
    ],
)
def test_what_is_a_claim(sentence, kind):
    assert [claim["kind"] for claim in claims_of(f"<p>{sentence}</p>")] == ([kind] if kind else [])


def test_a_claim_says_its_sentence_and_its_place():
    html = (
        "<h2>In 2020</h2><p>It needs time. A <em>study</em> says so! Or 12 hours.</p>"
        "<ul><li>Nothing</li><li>Costs 30 €.</li></ul><blockquote><p>Since 1999.</p></blockquote>"
    )
    assert claims_of(html) == [
        {"sentence": "A study says so!", "kind": "source", "position": 0},
        {"sentence": "Or 12 hours.", "kind": "figure", "position": 0},
        {"sentence": "Costs 30 €.", "kind": "figure", "position": 2},
        {"sentence": "Since 1999.", "kind": "date", "position": 4},
    ]


def test_a_long_article_is_read_in_a_moment():
    html = "<p>In 2020 about 40% said so. Nothing here. A study says 1.5 times.</p>" * 3000
    began = time.perf_counter()
    assert len(claims_of(html)) == 6000
    assert time.perf_counter() - began < 3
    began = time.perf_counter()
    claims_of(f"<p>{'1 ' * 100_000}</p><p>{'1.' * 100_000}</p><p>{'a' * 200_000}</p>")
    assert time.perf_counter() - began < 3


@pytest.mark.django_db
def test_the_detail_shows_them_and_the_list_does_not(alice):
    content = ContentFactory(site=alice.site, html="<p>About 40% agree.</p>", word_count=450)
    data = alice.client.get(f"{URL}{content.pk}/").json()["data"]
    assert data["claims"] == [{"sentence": "About 40% agree.", "kind": "figure", "position": 0}]
    assert data["reading_time"] == 2 and data["link_problems"] == []
    row = alice.client.get(URL).json()["results"][0]
    assert "claims" not in row and row["reading_time"] == 2


@pytest.mark.django_db
def test_filters_of_a_dashboard(alice):
    now = timezone.now()
    short = ContentFactory(site=alice.site, word_count=100, primary_keyword="Cold Brew", status="review")
    long = ContentFactory(
        site=alice.site, word_count=900, status="approved", site_status="scheduled", scheduled_publish_at=now
    )
    out = ContentFactory(
        site=alice.site, word_count=500, status="published", site_status="published", published_at=now
    )
    ImageFactory(content=long, status="generated")
    ImageFactory(content=out)
    other = SiteFactory(account=alice.account)
    ahead, before = (now + timedelta(hours=1)).isoformat(), (now - timedelta(hours=1)).isoformat()
    for query, found in {
        "status__in=review,published": {short, out},
        "site_status=scheduled": {long},
        "site_status__in=scheduled,published": {long, out},
        f"site_id={alice.site.pk}": {short, long, out},
        f"site_id={other.pk}": set(),
        "keyword=cold brew": {short},
        "has_images=true": {long},
        "has_images=0": {short, out},
        "word_count_min=500": {long, out},
        "word_count_min=200&word_count_max=600": {out},
        f"scheduled_before={quote(ahead)}": {long},
        f"scheduled_after={quote(ahead)}": set(),
        f"published_after={quote(before)}": {out},
        f"updated_after={quote(ahead)}": set(),
    }.items():
        answer = alice.client.get(f"{URL}?{query}")
        assert answer.status_code == 200, (query, answer.content)
        assert {row["id"] for row in answer.json()["results"]} == {row.pk for row in found}, query
    for bad in (
        "status__in=x",
        "site_status__in=,x",
        "has_images=maybe",
        "word_count_min=-1",
        "published_after=x",
    ):
        assert alice.client.get(f"{URL}?{bad}").status_code == 400, bad


class Pages(BaseHTTPRequestHandler):
    def do_HEAD(self):
        status = {"/ok": 200, "/gone": 404, "/broken": 500, "/no-head": 405, "/closed": 403}.get(
            self.path, 404
        )
        self.send_response(status if self.command == "HEAD" else 200 if status == 405 else status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *args):
        pass


@pytest.fixture
def pages(settings):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OUTBOUND_ALLOW_PRIVATE = [f"127.0.0.1:{server.server_port}"]
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_links_are_asked_whether_they_answer(alice, pages, run_jobs, settings):
    hrefs = [f"{pages}/{name}" for name in ("ok", "gone", "broken", "no-head", "closed")]
    hrefs += ["http://127.0.0.1:9/private", f"{settings.PUBLIC_URL}/sites/ours/", "mailto:a@b.example"]
    html = "<p>" + "".join(f'<a href="{href}">{n}</a> ' for n, href in enumerate(hrefs)) + "</p>"
    removed = {"url": "https://x.example", "text": "x", "problem": NOT_GIVEN}
    content = ContentFactory(site=alice.site, html=html, link_problems=[removed])
    answer = alice.client.post(f"{URL}{content.pk}/check_links/")
    assert answer.status_code == 200, answer.content
    [job] = run_jobs()
    assert job.state == "succeeded" and job.result["checked"] == 6, job.error
    data = alice.client.get(f"{URL}{content.pk}/").json()["data"]
    assert [row["url"] for row in data["link_problems"]] == [
        "https://x.example",
        hrefs[1],
        hrefs[2],
        hrefs[5],
    ]
    assert "404" in data["link_problems"][1]["problem"] and "500" in data["link_problems"][2]["problem"]
    assert "private" in data["link_problems"][3]["problem"] and data["links_checked_at"]
    # A link that the editor has taken out is no problem any more.
    alice.client.post(f"{URL}{content.pk}/update_content/", {"html": f'<p><a href="{hrefs[1]}">1</a></p>'})
    assert [row["url"] for row in Content.objects.get().link_problems] == [hrefs[1]]
    assert links_after([{"url": "a"}], "") == []


@pytest.mark.django_db
@pytest.mark.parametrize("href", ["//10.0.0.1/x", "HTTP://10.0.0.1/x"])
def test_links_are_asked_however_their_scheme_is_written(alice, href):
    content = ContentFactory(site=alice.site, html=f'<p><a href="{href}">x</a></p>')
    told = links_check(account_id=alice.account.pk, content_id=content.pk)
    assert told["checked"] == 1 and "private network" in told["problems"][0]["problem"]
    assert told["problems"][0]["url"] == href


@pytest.mark.django_db
def test_checking_links_refuses(alice, bob):
    content = ContentFactory(site=alice.site)
    assert bob.client.post(f"{URL}{content.pk}/check_links/").status_code == 404
    assert alice.as_role("viewer").post(f"{URL}{content.pk}/check_links/").status_code == 403
    assert links_check(account_id=alice.account.pk, content_id=content.pk) == {"checked": 0, "problems": []}
