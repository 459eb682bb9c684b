"""Articles published to a real WordPress through a proxy that breaks answers by chance, while workers are killed.

make e2e ARGS="-k soak_publish"      20 articles
make soak-publish ARTICLES=1000      the long one
"""

import dataclasses
import os
import random
import time
from collections import Counter

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.e2e_real.books import media_of, posts_of
from tests.e2e_real.faulty import faulty_proxy
from tests.e2e_real.product import running

ARTICLES = int(os.environ.get("ARTICLES", "20"))
SEED = int(os.environ.get("SEED", "20261126"))
# By request. An article takes a dozen of them.
RATES = {"lost": 0.02, "reset": 0.015, "cut": 0.015, "busy": 0.01, "down": 0.01, "error": 0.005, "late": 0.01}
# A time-out of the client takes half a minute, so there are few.
RATES |= {"hang": 0.0005} if ARTICLES > 100 else {}
MAKE = """
import io
from PIL import Image as Picture
from django.core.files.base import ContentFile
from apps.accounts.models import Site
from apps.publisher.services.dispatch import publish_start
from apps.writer.models import Content, Image
site = Site.objects.get(slug="{slug}")
ids = []
for n in range({articles}):
    content = Content.objects.create(
        account_id=site.account_id, site=site, title=f"Article {{n}} & “more” 🫘", slug=f"article-{{n}}",
        html=f"<p>Number {{n}} — مرحبا &amp; 水.</p><h2>First</h2><p>One.</p><ul><li>a</li><li>b &lt; c</li></ul>",
        excerpt=f"Excerpt {{n}}", categories=[f"Group {{n % 7}} > Part {{n % 3}}"], tags=[f"tag {{n % 11}}", "all"],
        status="approved", approved_by="soak",
    )
    shade = n - n % 10 % 2  # two neighbours show the same picture
    data = io.BytesIO()
    Picture.new("RGB", (8, 8), (shade % 256, shade // 256, 77)).save(data, "PNG")
    Image.objects.create(
        account_id=site.account_id, site=site, content=content, kind="featured", alt="A picture", status="generated",
        mime="image/png", width=8, height=8, file=ContentFile(data.getvalue(), name=f"{{n}}.png"),
    )
    ids.append(content.pk)
for at in range(0, len(ids), 5):
    publish_start(account_id=site.account_id, content_ids=ids[at:at + 5])
"""
# What came late is looked for ten minutes afterwards.
TIDY = """
from django.utils import timezone
from apps.publisher.models import WordPressPost
from apps.publisher.services.dispatch import posts_tidy
WordPressPost.objects.filter(tidy_at__isnull=False).update(tidy_at=timezone.now())
while posts_tidy():
    pass
"""
OUT = "SELECT count(*)::int FROM writer_content WHERE site_status = 'published'"


@pytest.mark.timeout(240 + 12 * ARTICLES)
def test_each_article_is_out_once(wordpress, llm, capsys):
    with faulty_proxy(wordpress.url, SEED) as proxy:
        environment = llm.environment
        environment["OUTBOUND_ALLOW_PRIVATE"] += f",127.0.0.1:{proxy.server_port}"
        environment["WORKER_CONCURRENCY"] = "4"
        with running(environment) as product:
            slug = product.connected_site(dataclasses.replace(wordpress, url=proxy.url))
            proxy.rates = RATES
            product.manage("shell", code=MAKE.format(slug=slug, articles=ARTICLES))
            began = time.monotonic()
            kills = _until_all_are_out(product)
            seconds = time.monotonic() - began
            proxy.rates = {}
            time.sleep(proxy.late_seconds + 2)
            product.manage("shell", code=TIDY)
            figures = _checked(product, wordpress)
    with capsys.disabled():
        faults = {name: n for name, n in sorted(proxy.faults.items(), key=str) if name}
        print(f"\n{ARTICLES} articles in {seconds:.0f} s, {sum(proxy.seen.values())} requests, faults {faults}, "
              f"{kills} workers killed; {figures}")  # fmt: skip


def _until_all_are_out(product) -> int:
    """Kills a process of the worker at times while articles go out. Returns how many."""
    chance, kills, most = random.Random(SEED), 0, max(2, ARTICLES // 20)
    done, since, again = 0, time.monotonic(), None
    while (out := product.one(OUT)) < ARTICLES:
        now = time.monotonic()
        if out != done:
            done, since = out, now
            if again is None:  # the next one when the work goes on after the last
                again = now + chance.uniform(1.0, 8.0)
        assert now - since < 240, f"nothing went out for {now - since:.0f} s, {out} are\n{product.told()}"
        if again is not None and now >= again and kills < most:
            kills += product.kill("worker", chance)
            again = None
        time.sleep(0.3)
    return kills


def _checked(product, wordpress) -> dict:
    """Exactly one post for each article with every field equal, one medium for each picture, one record that tells."""
    posts = {post["id"]: post for post in posts_of(wordpress)}
    assert len(posts) == ARTICLES, Counter((p["status"], p["slug"][:6]) for p in posts.values())
    with wordpress.api() as api:
        terms = {kind: {t["id"]: t for t in api.get(f"/{kind}", params={"per_page": 100}).json()}
                 for kind in ("categories", "tags")}  # fmt: skip
    assert len(terms["tags"]) == min(ARTICLES, 11) + 1
    media = {m["id"]: m for m in media_of(wordpress)}
    rows = product.rows(
        "SELECT external_id::int, external_url, status, title, slug, excerpt, html, categories, tags "
        "FROM writer_content"
    )
    assert len({row[0] for row in rows}) == ARTICLES
    for external_id, url, status, title, slug, excerpt, html, categories, tags in rows:
        post = posts[external_id]
        assert (status, post["status"], post["slug"], post["link"]) == ("published", "publish", slug, url)
        assert (post["title"]["raw"], post["excerpt"]["raw"]) == (title, excerpt)
        ours, theirs = LexborHTMLParser(html), LexborHTMLParser(post["content"]["raw"])
        assert [n.text() for n in ours.css("p, h2, li")] == [n.text() for n in theirs.css("p, h2, li")]
        (category,) = (terms["categories"][i] for i in post["categories"])
        above = terms["categories"][category["parent"]]["name"]
        assert f"{above} > {category['name']}" == categories[0]
        assert sorted(terms["tags"][i]["name"] for i in post["tags"]) == sorted(tags)
        assert media[post["featured_media"]]["alt_text"] == "A picture"
    pictures = len({n - n % 10 % 2 for n in range(ARTICLES)})
    assert len(media) == pictures
    records = product.rows("SELECT status, attempts, fields, error FROM publisher_publishingrecord")
    assert len(records) == ARTICLES and {r[0] for r in records} == {"published"}
    told = Counter(v for r in records for k, v in r[2].items() if not k.startswith(("meta_", "primary")))
    assert set(told) == {"kept"}, told
    again = sum(r[1] > 1 for r in records)
    return {
        "posts": len(posts),
        "media": len(media),
        "fields kept": told["kept"],
        "articles tried again": again,
    }
