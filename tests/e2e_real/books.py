"""What must be true of a run that published to WordPress, whatever happened on its way."""

from collections import Counter
from urllib.parse import urlsplit

from tests.e2e_real.product import Product


def posts_of(wordpress) -> list[dict]:
    """All posts of the site, in any state."""
    return _all(wordpress, "/posts", status="publish,future,draft,pending,private,trash", context="edit")


def media_of(wordpress) -> list[dict]:
    return _all(wordpress, "/media")


def _all(wordpress, path: str, **params) -> list[dict]:
    """By their ids: of rows of the same second, which WordPress sorts by else, one may stand on no page."""
    rows: list[dict] = []
    params |= {"orderby": "id", "order": "asc"}
    with wordpress.api() as api:
        while True:
            page = len(rows) // 100 + 1
            answer = api.get(path, params={"per_page": 100, "page": page, **params})
            if answer.status_code == 400:  # past the last page
                return rows
            rows += answer.json()
            if len(answer.json()) < 100:
                return rows


def check_books(product: Product, wordpress, *, articles: int) -> dict:
    """Every item done once, every post there once, the ledger exact. Returns figures to tell.

    Of so many `articles` that were asked for, those are not written whose topic the site has by then.
    """
    items = Counter(product.rows("SELECT state, count(*)::int FROM automation_runitem GROUP BY 1"))
    items = {state: n for (state, n) in items}
    assert set(items) == {"done"}, items
    contents = product.rows(
        "SELECT id, slug, external_id, external_url, status, site_status, html FROM writer_content ORDER BY id"
    )
    ideas = product.one("SELECT count(*) FROM planner_contentidea")
    assert len(contents) == ideas and articles * 0.6 <= ideas <= articles, (len(contents), ideas)
    assert {(c[4], c[5]) for c in contents} == {("published", "published")}
    posts = {str(p["id"]): p for p in posts_of(wordpress)}
    assert len(posts) == ideas, sorted(p["slug"] for p in posts.values())
    for _, slug, external_id, url, *_ in contents:
        post = posts[external_id]
        assert (post["status"], post["slug"], post["link"]) == ("publish", slug, url)
    images = product.one("SELECT count(DISTINCT sha256) FROM writer_image WHERE status = 'generated'")
    media = media_of(wordpress)
    assert len(media) == images == len({urlsplit(m["source_url"]).path for m in media})
    assert product.one("SELECT count(*) FROM writer_image WHERE status <> 'generated'") == 0
    balance, entries = product.rows(
        "SELECT balance, (SELECT sum(amount)::int FROM billing_creditentry e WHERE e.account_id = b.account_id) "
        "FROM billing_creditbalance b"
    )[0]
    assert balance == entries >= 0
    assert product.one("SELECT count(*) FROM billing_credithold WHERE state = 'held'") == 0
    usage, references = product.rows("SELECT count(*), count(DISTINCT reference) FROM billing_creditusage")[0]
    assert usage == references
    fields = Counter(
        (name, told)
        for (fields,) in product.rows(
            "SELECT fields FROM publisher_publishingrecord WHERE status = 'published'"
        )
        for name, told in fields.items()
    )
    # A WordPress without an SEO plug-in has no place for these.
    meta = {"meta_title", "meta_description", "primary_keyword"}
    assert {told for (name, told) in fields if name not in meta} == {"kept"}, fields
    return {
        "items": items["done"],
        "posts": len(posts),
        "media": len(media),
        "balance": balance,
        "usage": usage,
    }
