"""Which fields publishing may write over a post, by who changed what."""

import pytest

from apps.integration.models import SyncedPost
from apps.integration.services.sync.agreement import post_decide
from apps.integration.services.sync.compare import digests_of
from apps.integration.services.sync.texts import PostType, digest, remote_of
from apps.writer.models import Content

KIND = PostType("post", "posts", terms={"categories": "categories", "tags": "tags"})
BASE = {
    "id": 1, "status": "publish", "slug": "a-2", "link": "", "title": {"raw": "A &amp; B"},
    "content": {"raw": "<p>old</p>"}, "excerpt": {"raw": ""}, "featured_media": 5, "categories": [3, 2], "tags": [],
    "author": 7, "meta": {"rank_math_title": "R"},
}  # fmt: skip
OURS = {
    "title": "A & B",
    "html": "<p>old</p>",
    "slug": "a",
    "meta_title": "R",
    "categories": ["x"],
    "tags": [],
}
WANTED = {
    "title": "A & B", "content": "<p>old</p>", "excerpt": "", "slug": "a", "featured_media": 5, "categories": [2, 3],
    "tags": [], "meta:rank_math_title": "R",
}  # fmt: skip


def decided(*, here=None, wanted=None, there=None, foreign=False, **fields):
    content = Content(**OURS)
    synced = SyncedPost(
        agreed_at="2026-01-01T00:00Z", theirs=remote_of(BASE, KIND).hashes, ours=digests_of(content)
    )
    if not foreign:
        synced.sent = {name: digest(value) for name, value in WANTED.items()}
    for name, value in fields.items():
        setattr(synced, name, value)
    for name, value in (here or {}).items():
        setattr(content, name, value)
    found = post_decide(
        synced,
        content,
        WANTED | (wanted or {}),
        BASE | (there or {}),
        lambda name, sent, now: sent == now,
        KIND,
    )
    return found.send, found.both


@pytest.mark.parametrize(
    ("case", "send", "both"),
    [
        ({}, [], []),  # neither the slug with a number nor the entity is an edit
        ({"there": {"title": {"raw": "T"}, "categories": [9], "featured_media": 8}}, [], []),
        ({"here": {"title": "N"}, "wanted": {"title": "N"}}, ["title"], []),
        ({"here": {"title": "N"}, "wanted": {"title": "N"}, "there": {"title": {"raw": "T"}}}, [], ["title"]),
        ({"here": {"title": "N"}, "wanted": {"title": "N"}, "there": {"title": {"raw": "N"}}}, [], []),
        ({"here": {"title": "N"}, "wanted": {"title": "N"}, "there": {"content": {"raw": "T"}}}, ["title"], []),
        ({"wanted": {"content": "<p>old</p><img>"}}, ["content"], []),  # a picture was made
        ({"wanted": {"content": "<p>old</p><img>"}, "is_lossy": True}, [], ["html"]),
        ({"wanted": {"tags": [4]}, "there": {"tags": [6]}}, [], ["tags"]),
        ({"wanted": {"featured_media": 6}, "there": {"featured_media": 8}}, [], ["featured_image"]),
        ({"wanted": {"meta:rank_math_title": "N"}, "there": {"meta": []}}, [], ["meta_title"]),
        # A plug-in for search engines came, and shows its fields.
        ({"wanted": {"meta:_yoast_wpseo_title": "R"}}, ["meta:_yoast_wpseo_title"], []),
        ({"wanted": {"meta:_yoast_wpseo_title": "R"}, "there": {"meta": {"_yoast_wpseo_title": "T"}}}, [], []),
        # A post that came from there keeps what was never ours.
        ({"foreign": True, "wanted": {"featured_media": 0, "author": 1}}, [], []),
        ({"foreign": True, "wanted": {"featured_media": 6}}, ["featured_media"], []),
        ({"is_new": True, "foreign": True, "wanted": {"excerpt": "E"}}, ["title", "excerpt", "slug"], []),
        # Sent before, and answered by nobody: a title that differs is people's, all else may have got no further.
        ({"is_new": True, "there": {"title": {"raw": "T"}, "tags": [6]}}, ["slug", "tags"], []),
        ({"agreed_at": None, "wanted": {"excerpt": "E", "tags": [4]}}, [], ["excerpt", "title"]),
    ],
)  # fmt: skip
def test_what_may_be_written(case, send, both):
    assert decided(**case) == (send, both)
