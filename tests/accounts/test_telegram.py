"""Subscribers and invites of the bot, over /internal/."""

import pytest
from django.utils import timezone

from apps.accounts.models import TelegramInvite, TelegramSubscriber
from apps.accounts.services.telegram import invite_claim, invite_create
from tests.billing.threads import at_once

ROOT = "/internal/telegram"
PASSWORD = "a word of mouth"


@pytest.fixture
def ada(db) -> TelegramSubscriber:
    return TelegramSubscriber.objects.create(chat_id=42, name="Ada", slug="ada")


def test_a_subscriber_is_made_once_and_changed_by_what_is_given(machine):
    body = {
        "chat_id": 2**63 - 1,
        "name": "Ada 🎁",
        "slug": "@Ada",
        "role": "admin",
        "permissions": ["sources"],
    }
    made = machine.post(f"{ROOT}/subscribers", body)
    assert made.status_code == 200
    assert made.json()["slug"] == "ada" and made.json()["role"] == "admin"
    assert made.json()["subscriptions"] == [] and made.json()["is_active"] is True
    again = machine.post(f"{ROOT}/subscribers", {"chat_id": 2**63 - 1, "name": None, "language": "ru"})
    assert again.json() | {"updated_at": 0} == made.json() | {"language": "ru", "updated_at": 0}
    assert machine.get(f"/api/v1{ROOT}/subscribers/{2**63 - 1}").json()["name"] == "Ada 🎁"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "chat_id"),
        ({"chat_id": 2**63}, "chat_id"),
        ({"chat_id": "x"}, "chat_id"),
        ({"chat_id": 1, "role": "owner"}, "role"),
        ({"chat_id": 1, "permissions": "sources"}, "permissions"),
        ({"chat_id": 1, "subscriptions": ["a b"]}, "subscriptions"),
        ({"chat_id": 1, "language": "?"}, "language"),
        ({"chat_id": 1, "name": "x" * 201}, "name"),
        ({"chat_id": 1, "name": "\x00"}, "name"),
    ],
)
def test_what_does_not_fit_is_named(machine, body, field):
    answer = machine.post(f"{ROOT}/subscribers", body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"][0]["loc"]
    assert not TelegramSubscriber.objects.exists()


def test_the_list_is_filtered_searched_and_cut(machine, ada, django_assert_num_queries):
    for n in range(3):
        TelegramSubscriber.objects.create(
            chat_id=-n - 1, name=f"Group {n}", role="user", is_active=n > 0, subscriptions=["sources"]
        )
    ada.role = "superadmin"
    ada.save()
    with django_assert_num_queries(1):
        assert len(machine.get(f"{ROOT}/subscribers").json()) == 4

    def chats(query: str) -> list[int]:
        return [row["chat_id"] for row in machine.get(f"{ROOT}/subscribers?{query}").json()]

    assert chats("role=superadmin") == [42]
    assert chats("is_active=false") == [-1]
    assert chats("topic=sources&ordering=-name") == [-3, -2, -1]
    assert chats("search=@ADA") == [42]
    assert chats("limit=2&offset=1") == [-1, -2]
    assert machine.get(f"{ROOT}/subscribers?limit=0").status_code == 422
    assert machine.get(f"{ROOT}/subscribers?ordering=password").status_code == 422
    assert machine.get(f"{ROOT}/subscribers?limit=100000").status_code == 200


def test_by_name(machine, ada):
    assert machine.get(f"{ROOT}/subscribers/by-username/@ADA").json()["chat_id"] == 42
    assert machine.get(f"{ROOT}/subscribers/by-username/bob").status_code == 404


@pytest.mark.parametrize("path", ["", "/role", "/permissions", "/subscribe", "/unsubscribe", "/language"])
def test_who_is_not_there_is_404_and_what_is_no_chat_422(machine, ada, path):
    body = {"role": "admin", "permissions": [], "topic": "all", "language": "en"}
    call = machine.post if path else machine.get
    for chat, status in (("43", 404), ("-1", 404), ("ada", 422), (str(2**63), 422), ("4.2", 422)):
        answer = call(f"{ROOT}/subscribers/{chat}{path}", *([body] if path else []))
        assert answer.status_code == status, (chat, path)


def test_role_permissions_and_language_by_body_and_by_query(machine, ada):
    at = f"{ROOT}/subscribers/42"
    assert machine.post(f"{at}/role", {"role": "admin"}).json()["role"] == "admin"
    assert machine.post(f"{at}/role?role=superadmin").json()["role"] == "superadmin"
    assert machine.post(f"{at}/role", {"role": "root"}).status_code == 422
    assert machine.post(f"{at}/permissions", ["a", "b", "a"]).json()["permissions"] == ["a", "b"]
    assert machine.post(f"{at}/permissions", {"permissions": []}).json()["permissions"] == []
    assert machine.post(f"{at}/permissions", {"permissions": [1, {}]}).status_code == 422
    assert machine.post(f"{at}/permissions").status_code == 422
    assert machine.post(f"{at}/language?language=ru").json()["language"] == "ru"
    assert machine.post(f"{at}/language", {"language": "x" * 40}).status_code == 422
    assert machine.post(f"{at}/language", [1]).status_code == 422


def test_topics(machine, ada):
    at = f"{ROOT}/subscribers/42"
    for _ in range(2):
        assert machine.post(f"{at}/subscribe", {"topic": "sources"}).json()["subscriptions"] == ["sources"]
    assert machine.post(f"{at}/subscribe?topic=spiders").json()["subscriptions"] == ["sources", "spiders"]
    assert [s["chat_id"] for s in machine.get(f"{ROOT}/topics/spiders/subscribers").json()] == [42]
    assert machine.post(f"{at}/unsubscribe?topic=sources").json()["subscriptions"] == ["spiders"]
    assert machine.get(f"{ROOT}/topics/sources/subscribers").json() == []
    assert machine.post(f"{at}/subscribe", {"topic": ""}).status_code == 422
    ada.refresh_from_db()
    ada.is_active = False
    ada.save()
    assert machine.get(f"{ROOT}/topics/spiders/subscribers").json() == []


def test_delete(machine, ada):
    assert machine.delete(f"{ROOT}/subscribers/42").json() == {"status": "ok"}
    assert machine.delete(f"{ROOT}/subscribers/42").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_topics_at_once_lose_none():
    TelegramSubscriber.objects.create(chat_id=42)
    at_once(8, lambda n: TelegramSubscriber.objects.filter(chat_id=42).subscribe(f"topic{n % 4}"))
    assert sorted(TelegramSubscriber.objects.get().subscriptions) == [f"topic{n}" for n in range(4)]


def test_an_invite_is_good_once(machine, ada):
    body = {"username": "@Bob", "password": PASSWORD, "role": "admin", "permissions": ["sources"]}
    invite = machine.post(f"{ROOT}/invites", body)
    assert invite.status_code == 200 and invite.json()["username"] == "bob"
    assert PASSWORD not in invite.content.decode() and "password" not in invite.json()
    assert TelegramInvite.objects.get().password != PASSWORD
    assert machine.post(f"{ROOT}/invites", body).status_code == 409
    claim = {"username": "bob", "password": PASSWORD, "chat_id": 7, "name": "Bob"}
    assert machine.post(f"{ROOT}/invites/claim", {**claim, "password": "wrong"}).status_code == 403
    assert machine.post(f"{ROOT}/invites/claim", {**claim, "username": "eve"}).status_code == 404
    claimed = machine.post(f"{ROOT}/invites/claim", claim)
    assert claimed.status_code == 200
    assert claimed.json()["role"] == "admin" and claimed.json()["permissions"] == ["sources"]
    assert machine.post(f"{ROOT}/invites/claim", {**claim, "chat_id": 8}).status_code == 404
    listed = machine.get(f"{ROOT}/invites").json()
    assert [(i["username"], i["claimed_by"]) for i in listed] == [("bob", 7)]
    assert machine.delete(f"{ROOT}/invites/{listed[0]['id']}").status_code == 404
    assert machine.post(f"{ROOT}/invites", body).status_code == 200  # anew, after the first was used


def test_invites_are_filtered_and_searched(machine, ada):
    for name, role in (("bob", "admin"), ("eve", "superadmin"), ("dan", "user")):
        invite_create(username=name, password=PASSWORD, role=role, name=name.title())
    invite_claim(username="bob", password=PASSWORD, chat_id=7)
    TelegramInvite.objects.filter(username="dan").update(expires_at=timezone.now())

    def names(query: str) -> list[str]:
        return [i["username"] for i in machine.get(f"{ROOT}/invites?{query}").json()]

    assert names("") == ["dan", "eve", "bob"]
    assert names("open=true") == ["eve"] and names("open=false&ordering=id") == ["bob", "dan"]
    assert names("role=admin") == ["bob"] and names("search=@EVE") == ["eve"]
    assert names("limit=1&offset=1") == ["eve"]
    for query in ("open=x", "role=x", "limit=0", "ordering=password"):
        assert machine.get(f"{ROOT}/invites?{query}").status_code == 422


def test_an_invite_is_locked_after_wrong_passwords_and_ends(machine):
    invite = invite_create(username="bob", password=PASSWORD, role="admin")
    claim = {"username": "bob", "password": PASSWORD, "chat_id": 7}
    for _ in range(TelegramInvite.MAX_ATTEMPTS):
        assert machine.post(f"{ROOT}/invites/claim", {**claim, "password": "x"}).status_code == 403
    assert machine.post(f"{ROOT}/invites/claim", claim).status_code == 403
    TelegramInvite.objects.update(attempts=0, expires_at=invite.created_at)
    assert machine.post(f"{ROOT}/invites/claim", claim).status_code == 404
    # An invite that has ended does not stand in the way of the next one.
    again = machine.post(f"{ROOT}/invites", {"username": "bob", "password": PASSWORD})
    assert again.status_code == 200
    assert machine.delete(f"{ROOT}/invites/{again.json()['id']}").status_code == 200
    assert machine.post(f"{ROOT}/invites/claim", claim).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": " ", "password": PASSWORD},
        {"username": "bob", "password": "short"},
        {"username": "b b"},
    ],
)
def test_an_invite_that_does_not_fit(machine, body):
    assert machine.post(f"{ROOT}/invites", body).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_one_of_many_claims_gets_it():
    invite_create(username="bob", password=PASSWORD, role="admin")
    results = at_once(4, lambda n: invite_claim(username="bob", password=PASSWORD, chat_id=n + 1))
    won = [r for r in results if isinstance(r, TelegramSubscriber)]
    assert len(won) == 1 and TelegramSubscriber.objects.count() == 1
