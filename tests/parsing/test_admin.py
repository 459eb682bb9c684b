"""Sources in the admin site: what staff enter is held against the rules of the route."""

import pytest

from apps.parsing.models import Source
from tests.factories import UserFactory

AT = "/admin/parsing/source"
FIELDS = {
    "name": "", "type": "hub", "strategy": "deep", "priority": "50", "refresh_interval_hours": "24", "config": "{}",
}  # fmt: skip


@pytest.fixture
def staff(client, db):
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    return client


def errors(answer) -> dict:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def test_a_source_is_made_as_by_the_route(staff, source):
    given = {**FIELDS, "url": "HTTPS://Other.example:443/?utm_source=x#top", "site_key": "other"}
    assert staff.post(f"{AT}/add/", given).status_code == 302
    assert Source.objects.get(site_key="other").url == "https://other.example/"
    for bad, field in (
        ({"url": "https://OTHER.example"}, "url"),  # there is one
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "https://b.example/", "site_key": "a b"}, "site_key"),
        ({"url": "https://b.example/", "config": "[1]"}, "config"),
    ):
        assert field in errors(staff.post(f"{AT}/add/", {**given, **bad})), bad
    assert Source.objects.count() == 2


def test_a_change_leaves_what_workers_count(staff, source, monkeypatch):
    from apps.parsing import admin

    change = admin.source_change

    def meanwhile(**kwargs):
        Source.objects.update(items_total=7, status="running")
        return change(**kwargs)

    monkeypatch.setattr(admin, "source_change", meanwhile)
    answer = staff.post(f"{AT}/{source.pk}/change/", {**FIELDS, "site_key": "shop", "priority": "9"})
    assert answer.status_code == 302
    source.refresh_from_db()
    assert (source.priority, source.items_total, source.status) == (9, 7, "running")


def test_a_source_with_products_is_not_deleted(staff, source):
    empty = Source.objects.create(url="https://shop.example.com/none", site_key="shop")
    Source.objects.filter(pk=source.pk).update(items_total=3)
    for pk in (source.pk, empty.pk):
        staff.post(f"{AT}/{pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [source.pk], "post": "yes"}
    staff.post(f"{AT}/", chosen)
    assert list(Source.objects.all()) == [source]
