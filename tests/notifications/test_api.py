import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.notifications.models import Notification
from apps.notifications.services import notify
from tests.conftest import client_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/notifications"


def tell(actor, notification_type="system_info", **fields) -> Notification:
    notify(
        **{
            "account_id": actor.account.pk,
            "notification_type": notification_type,
            "title": "T",
            "message": "M",
        }
        | fields
    )
    return Notification.objects.latest("pk")


def types(client, query="") -> list[str]:
    return [row["notification_type"] for row in client.get(f"{URL}/?{query}").json()["results"]]


def test_a_notification_has_the_shape_that_clients_know(alice):
    note = tell(
        alice,
        "ai_content_complete",
        severity="success",
        title="Content Generated",
        message="Generated 5 articles successfully",
        action_label="View Content",
        action_url="/writer/content",
        metadata={"count": 5, "credits": 250},
    )
    body = alice.client.get(f"{URL}/{note.pk}/").json()
    assert body["success"] is True
    assert body["data"].pop("created_at").endswith("Z")
    assert body["data"] == {
        "id": note.pk,
        "notification_type": "ai_content_complete",
        "severity": "success",
        "title": "Content Generated",
        "message": "Generated 5 articles successfully",
        "is_read": False,
        "read_at": None,
        "action_label": "View Content",
        "action_url": "/writer/content",
        "metadata": {"count": 5, "credits": 250},
    }


def test_the_newest_comes_first_in_pages(alice):
    for n in range(23):
        tell(alice, title=f"{n}")
    body = alice.client.get(f"{URL}/").json()
    assert (body["count"], len(body["results"]), body["results"][0]["title"]) == (23, 20, "22")
    assert len(alice.client.get(f"{URL}/?page=2").json()["results"]) == 3
    assert len(alice.client.get(f"{URL}/?page_size=200").json()["results"]) == 23
    assert alice.client.get(f"{URL}/?page=3").status_code == 404


def test_read_once_and_again(alice):
    note = tell(alice)
    first = alice.client.post(f"{URL}/{note.pk}/read/")
    assert first.status_code == 200
    data = first.json()["data"]
    assert data["is_read"] is True and data["read_at"].endswith("Z")
    assert alice.client.post(f"{URL}/{note.pk}/read/").json()["data"] == data


def test_read_all_and_the_count_of_unread(alice, bob):
    for kind in ("system_info", "credits_low", "ai_ideas_failed"):
        tell(alice, kind)
    tell(bob)
    count = f"{URL}/unread-count/"
    assert alice.client.get(count).json() == {"success": True, "data": {"unread_count": 3}}
    assert alice.client.post(f"{URL}/read-all/?notification_type=billing").json()["data"] == {"updated": 1}
    assert alice.client.get(count).json()["data"]["unread_count"] == 2
    assert alice.client.post(f"{URL}/read-all/").json()["data"] == {"updated": 2}
    assert alice.client.post(f"{URL}/read-all/").json()["data"] == {"updated": 0}
    assert alice.client.get(count).json()["data"]["unread_count"] == 0
    assert bob.client.get(count).json()["data"]["unread_count"] == 1
    assert not Notification.objects.filter(account=alice.account, read_at=None).exists()


def test_delete(alice):
    note = tell(alice)
    answer = alice.client.delete(f"{URL}/{note.pk}/")
    assert answer.status_code == 200 and answer.json()["data"] is None and answer.json()["message"]
    assert alice.client.delete(f"{URL}/{note.pk}/").status_code == 404
    assert alice.client.get(f"{URL}/").json()["count"] == 0


def test_filters_take_types_and_groups(alice):
    for kind in Notification.Type.values:
        tell(alice, kind)
    Notification.objects.filter(notification_type="credits_low").update(is_read=True)
    assert (
        len(types(alice.client, "notification_type=ai_task"))
        == 10
        == 0 + sum(t.startswith("ai_") for t in types(alice.client, "page_size=200"))
    )
    assert set(types(alice.client, "notification_type=content")) == {
        "content_ready_review",
        "content_published",
        "content_publish_failed",
        "keywords_imported",
    }
    assert set(types(alice.client, "notification_type=integration")) == {
        "wordpress_sync_success",
        "wordpress_sync_failed",
    }
    for group in ("credit", "billing"):
        assert set(types(alice.client, f"notification_type={group}")) == {"credits_low", "credits_depleted"}
    assert types(alice.client, "notification_type=info") == ["site_setup_complete"]
    assert types(alice.client, "notification_type=system") == ["system_info"]
    assert set(types(alice.client, "notification_type=system,credits_low")) == {"system_info", "credits_low"}
    for truth in ("true", "True", "1"):
        assert types(alice.client, f"is_read={truth}") == ["credits_low"]
    assert alice.client.get(f"{URL}/?is_read=false").json()["count"] == len(Notification.Type.values) - 1
    assert types(alice.client, "is_read=true&notification_type=ai_task") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("notification_type=gossip", "notification_type"),
        ("notification_type=system,gossip", "notification_type"),
        ("is_read=perhaps", "is_read"),
        ("severity=loud", "severity"),
        ("ordering=metadata", "ordering"),
    ],
)
def test_bad_filters_are_named(alice, query, field):
    tell(alice)
    answer = alice.client.get(f"{URL}/?{query}")
    assert answer.status_code == 400 and field in answer.json()["details"]
    assert alice.client.post(f"{URL}/read-all/?{query}").status_code == 400
    assert Notification.objects.filter(is_read=False).count() == 1


def test_what_is_another_accounts_does_not_exist(alice, bob):
    note = tell(bob)
    assert alice.client.get(f"{URL}/").json()["count"] == 0
    assert alice.client.get(f"{URL}/{note.pk}/").status_code == 404
    assert alice.client.post(f"{URL}/{note.pk}/read/").status_code == 404
    assert alice.client.delete(f"{URL}/{note.pk}/").status_code == 404
    assert alice.client.get(f"{URL}/{10**30}/").status_code == 404
    assert alice.client.get(f"{URL}/abc/").status_code == 404
    note.refresh_from_db()
    assert note.is_read is False


def test_what_is_told_to_one_user_is_that_users_alone(alice):
    other = UserFactory(account=alice.account, role="viewer")
    note = tell(alice, user_id=other.pk)
    assert alice.client.get(f"{URL}/").json()["count"] == 0
    assert alice.client.get(f"{URL}/unread-count/").json()["data"]["unread_count"] == 0
    assert alice.client.post(f"{URL}/read-all/").json()["data"]["updated"] == 0
    assert alice.client.delete(f"{URL}/{note.pk}/").status_code == 404
    assert client_of(other).get(f"{URL}/").json()["count"] == 1


def test_who_may(alice, anonymous):
    for role in ("viewer", "editor", "admin", "owner"):
        note = tell(alice)
        client = alice.as_role(role)
        assert client.get(f"{URL}/").status_code == 200
        assert client.get(f"{URL}/unread-count/").status_code == 200
        assert client.post(f"{URL}/{note.pk}/read/").status_code == 200
        assert client.post(f"{URL}/read-all/").status_code == 200
        assert client.delete(f"{URL}/{note.pk}/").status_code == (403 if role == "viewer" else 200)
    assert alice.client.post(f"{URL}/", {"title": "mine"}).status_code == 405
    assert alice.client.patch(f"{URL}/{note.pk}/", {"title": "mine"}).status_code == 405
    routes = [("get", ""), ("get", "1/"), ("delete", "1/"), ("post", "1/read/"), ("post", "read-all/"),
              ("get", "unread-count/")]  # fmt: skip
    made = alice.client.post(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/", {"name": "plugin"}).json()[
        "data"
    ]
    alice.account.status = "suspended"
    alice.account.save()
    for method, route in routes:
        assert getattr(anonymous, method)(f"{URL}/{route}").status_code == 401
        assert getattr(alice.client, method)(f"{URL}/{route}").json()["code"] == "ACCOUNT_SUSPENDED"
    alice.account.status = "active"
    alice.account.save()
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    for method, route in routes:
        assert getattr(anonymous, method)(f"{URL}/{route}").status_code == 403


def test_a_list_costs_the_same_however_long(alice):
    def queries(rows):
        for _ in range(rows):
            tell(alice)
        with CaptureQueriesContext(connection) as captured:
            assert alice.client.get(f"{URL}/?page_size=200").json()["count"] >= rows
        return len(captured)

    assert queries(2) == queries(20) <= 3


def test_admin_reads_only(alice, client):
    note = tell(alice)
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    assert client.get("/admin/notifications/notification/").status_code == 200
    assert client.get("/admin/notifications/notification/add/").status_code == 403
    assert client.get(f"/admin/notifications/notification/{note.pk}/change/").status_code == 200
    assert (
        client.post(f"/admin/notifications/notification/{note.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
