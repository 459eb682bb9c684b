"""Terms of a tree: the same name under different parents is another term, in and out."""

import pytest

from apps.integration.models import SyncedPost
from apps.writer.models import Content

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(site):
    """Coffee under Drinks (6) and under Food (8)."""
    site.terms["categories"] = [
        {"id": pk, "name": name, "slug": f"c{pk}", "parent": parent}
        for pk, name, parent in (
            (5, "Drinks", 0),
            (6, "Coffee", 5),
            (7, "Food &amp; more", 0),
            (8, "Coffee", 7),
        )
    ]
    for pk, category in ((1, 6), (2, 8), (3, 5)):
        site.post(pk, categories=[category])
    return site


def named() -> dict[str, list[str]]:
    return dict(Content.objects.order_by("external_id").values_list("external_id", "categories"))


def test_the_same_name_under_two_parents_is_two_terms(alice, tree, pull):
    pull()
    assert named() == {"1": ["Coffee"], "2": ["Food & more > Coffee"], "3": ["Drinks"]}
    # Moved from the one to the other in WordPress: by its name alone nothing has changed.
    tree.edit(1, categories=[8])
    assert pull().counts["changed"] == 1
    assert named()["1"] == ["Food & more > Coffee"]
    # What goes out with an edit of ours are the same terms.
    for content in Content.objects.all():
        alice.client.patch(f"/api/v1/writer/content/{content.pk}/", {"title": "Ours"}, format="json")
    assert pull("push").counts["pushed"] == 3
    assert [tree.posts[pk]["categories"] for pk in (1, 2, 3)] == [[8], [8], [5]]
    assert [tree.posts[pk]["title"]["raw"] for pk in (1, 2, 3)] == ["Ours"] * 3
    assert not SyncedPost.objects.filter(conflict_at__isnull=False).exists()


def test_a_name_keeps_what_it_means_when_another_one_comes(alice, tree, pull):
    """On top of the tree it would be the first that the name alone means."""
    pull()
    tree.terms["categories"].append({"id": 9, "name": "COFFEE", "slug": "c9", "parent": 0})
    tree.post(4, categories=[9, 6])
    pull()
    assert named()["1"] == ["Drinks > Coffee"] and named()["4"] == ["Drinks > Coffee", "COFFEE"]
    alice.client.patch(
        f"/api/v1/writer/content/{Content.objects.get(external_id='1').pk}/", {"title": "Ours"}, format="json"
    )
    pull("push")
    assert tree.posts[1]["categories"] == [6]
    made = alice.client.post(
        "/api/v1/writer/taxonomies/", {"site": alice.site.pk, "taxonomy": "category", "name": "Drinks"}
    )
    assert made.status_code == 400  # it is there


def test_an_articles_own_spelling_of_a_term_is_no_difference(alice, tree, pull):
    pull()
    content = Content.objects.get(external_id="1")
    path = f"/api/v1/writer/content/{content.pk}/"
    assert alice.client.patch(path, {"categories": ["drinks > coffee"]}, format="json").status_code == 200
    tree.edit(1, categories=[6, 7])
    sync = pull()
    assert ("conflict" in sync.counts, named()["1"]) == (True, ["Drinks > Coffee"])  # both changed the list
    tree.edit(1, categories=[6], modified="2026-03-01T10:00:00")
    assert "conflict" not in pull().counts  # back to the same term
    assert pull("push").counts["pushed"] == 1 and tree.posts[1]["categories"] == [6]
    tree.edit(1, categories=[7, 6], modified="2026-03-02T10:00:00")
    assert pull().counts["changed"] == 1
    assert named()["1"] == ["Drinks > Coffee", "Food & more"]
