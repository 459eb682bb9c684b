"""The real export of 4,048 keywords, through a model server, to a real WordPress."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.e2e_real.books import check_books, media_of, posts_of
from tests.e2e_real.product import running


@pytest.mark.timeout(900)
def test_written_published_and_read_back(wordpress, llm, capsys):
    environment = llm.environment
    environment["OUTBOUND_ALLOW_PRIVATE"] += f",{wordpress.address}"
    with running(environment) as product:
        site = product.connected_site(wordpress)
        run = product.run_begin(site, articles=32)
        product.run_end(run, seconds=400)
        assert product.one("SELECT count(*) FROM planner_keyword") == 4048
        figures = check_books(product, wordpress, articles=32)
        assert figures["posts"] >= 20
        _every_field_equal(product, wordpress)
        # The same work once more: every article is published again, and nothing is new there.
        before = [(p["id"], p["modified_gmt"], p["slug"]) for p in posts_of(wordpress)]
        media = [m["id"] for m in media_of(wordpress)]
        product.manage("shell", code=AGAIN)
        records = "SELECT count(*) FROM publisher_publishingrecord WHERE status = 'published'"
        assert product.one(records) == 2 * figures["posts"]
        assert [(p["id"], p["modified_gmt"], p["slug"]) for p in posts_of(wordpress)] == before
        assert [m["id"] for m in media_of(wordpress)] == media
    with capsys.disabled():
        print(f"\n{figures}; the model was asked {llm.asked} times")


AGAIN = """
from apps.publisher.services.publishing import content_publish
from apps.writer.models import Content
for content in Content.objects.all():
    content_publish(account_id=content.account_id, content_id=content.pk, reference="again")
"""


def _every_field_equal(product, wordpress) -> None:
    posts = {p["id"]: p for p in posts_of(wordpress)}
    with wordpress.api() as api:
        terms = {
            kind: {t["id"]: t["name"] for t in api.get(f"/{kind}", params={"per_page": 100}).json()}
            for kind in ("categories", "tags")
        }
    media = {m["id"]: m for m in media_of(wordpress)}
    rows = product.rows(
        "SELECT external_id::int, title, excerpt, slug, categories, tags, html, id, "
        "to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM writer_content"
    )
    for external_id, title, excerpt, slug, categories, tags, html, pk, published_at in rows:
        post = posts[external_id]
        assert (post["title"]["raw"], post["excerpt"]["raw"], post["slug"]) == (title, excerpt, slug)
        assert sorted(terms["categories"][i] for i in post["categories"]) == sorted(categories)
        assert sorted(terms["tags"][i] for i in post["tags"]) == sorted(tags)
        assert post["date_gmt"] == published_at
        alt = product.one(f"SELECT alt FROM writer_image WHERE content_id = {pk} AND kind = 'featured'")
        assert media[post["featured_media"]]["alt_text"] == alt
        ours, theirs = LexborHTMLParser(html), LexborHTMLParser(post["content"]["raw"])
        assert [n.text() for n in ours.css("p, h2, li")] == [n.text() for n in theirs.css("p, h2, li")]
        inside = product.one(
            f"SELECT count(*) FROM writer_image WHERE content_id = {pk} AND kind = 'in_article'"
        )
        assert len(theirs.css("figure.wp-block-image img")) == inside
