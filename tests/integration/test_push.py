"""What a pass sends: what changed here, once."""

import pytest

from apps.publisher.models import PublishingRecord
from apps.writer.models import Content

pytestmark = pytest.mark.django_db


def test_what_a_site_has_no_place_for_is_told_once(alice, site, pull):
    site.post(1)
    site.post(2, kind="pages")
    pull()
    post, page = Content.objects.order_by("external_id")

    def change(content, **fields):
        answer = alice.client.patch(f"/api/v1/writer/content/{content.pk}/", fields, format="json")
        assert answer.status_code == 200, answer.content

    def push() -> int:
        return pull("push").counts.get("pushed", 0)

    def told() -> list[dict]:
        return list(PublishingRecord.objects.order_by("pk").values_list("fields", flat=True))

    change(post, meta_title="Nowhere to go")
    change(page, categories=["Pages have none"])
    assert push() == 2
    assert (told()[0]["meta_title"], told()[1]["categories"]) == ("dropped", "dropped")
    assert (push(), len(told())) == (0, 2)
    # The text changes: it goes, and what has no place is told with it.
    change(post, title="Another title")
    assert (push(), told()[2]["meta_title"], push()) == (1, "dropped", 0)
    assert site.posts[1]["title"] == {"raw": "Another title"}
    # The site gets a plug-in for search engines.
    site.meta_keys = ["rank_math_title"]
    site.posts[1]["meta"] = {"rank_math_title": ""}
    assert push() == 1
    assert told()[3]["meta_title"] == "kept" and site.posts[1]["meta"] == {"rank_math_title": "Nowhere to go"}
    assert (push(), len(told())) == (0, 4)
    # Emptied, it has nowhere to go either, and nothing to tell.
    change(page, categories=[])
    assert (push(), push()) == (1, 0)


def test_of_several_plug_ins_the_one_whose_field_was_changed_counts(alice, site, pull):
    keys = ("_yoast_wpseo_title", "rank_math_title", "_seopress_titles_title")
    site.meta_keys = list(keys)
    site.post(1, meta=dict.fromkeys(keys, ""))
    pull()
    content = Content.objects.get()
    url = f"/api/v1/writer/content/{content.pk}/"
    assert alice.client.patch(url, {"meta_title": "Ours"}, format="json").status_code == 200
    assert pull("push").counts.get("pushed") == 1
    assert site.posts[1]["meta"] == dict.fromkeys(keys, "Ours")
    for day, wanted in enumerate(("Hers", "Hers again", "")):
        meta = site.posts[1]["meta"] | {"rank_math_title": wanted}
        site.edit(1, meta=meta, modified=f"2026-03-0{day + 1}T10:00:00")
        assert pull().counts.get("changed") == 1
        content.refresh_from_db()
        assert content.meta_title == wanted
    site.edit(1, meta=meta | {"rank_math_title": "Hers at last"}, modified="2026-03-09T10:00:00")
    assert alice.client.patch(url, {"title": "Another title"}, format="json").status_code == 200
    pull("push")
    assert site.posts[1]["meta"]["rank_math_title"] == "Hers at last"
