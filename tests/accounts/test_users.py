"""Users of an account: made, changed, removed, and the sites they see."""

import pytest
from django.db import transaction

from apps.accounts.models import ApiKey, AuditRecord, LimitCounter, SiteAccess, User
from apps.accounts.services.users import user_update
from apps.core.models import Job
from apps.writer.models import Content
from tests.accounts.conftest import fresh
from tests.billing.threads import at_once
from tests.conftest import client_of
from tests.factories import PlanFactory, SiteFactory, UserFactory
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
USERS, TEAM, ACCESS = "/api/v1/auth/users/", "/api/v1/account/team/", "/api/v1/auth/site-access/"
NEW = {"email": "Grace@Example.com", "password": "correct horse battery", "role": "editor"}


def test_a_user_is_made_and_logs_in(alice):
    answer = alice.client.post(USERS, NEW)
    assert answer.status_code == 201, answer.content
    data = answer.json()["data"]
    assert (data["email"], data["role"], data["all_sites"]) == ("grace@example.com", "editor", True)
    login = fresh().post("/api/v1/auth/login/", {"email": NEW["email"], "password": NEW["password"]})
    assert login.json()["data"]["user"]["id"] == data["id"]
    assert Job.objects.filter(kind="mail.send", payload__mail="verify").exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "alice@example.com"}, "email"),
        ({"email": "a\x00@example.com"}, "email"),
        ({"password": "short"}, "password"),
        ({"role": "emperor"}, "role"),
        ({"first_name": "x" * 81}, "first_name"),
        ({"all_sites": "banana"}, "all_sites"),
    ],
)
def test_odd_users_are_refused(alice, change, field):
    answer = alice.client.post(USERS, {**NEW, **change})
    assert answer.status_code == 400 and field in answer.json()["details"], answer.content
    assert not User.objects.filter(email="grace@example.com").exists()


def test_the_plan_bounds_users_and_removal_gives_the_place_back(alice):
    PlanFactory._meta.model.objects.update(max_users=2)
    LimitCounter.objects.create(account=alice.account, resource="users", used=1)
    made = alice.client.post(USERS, NEW).json()["data"]
    second = {**NEW, "email": "two@example.com"}
    refused = alice.client.post(USERS, second)
    assert refused.status_code == 402 and refused.json()["code"] == "PLAN_LIMIT_REACHED"
    assert alice.client.delete(f"{USERS}{made['id']}/").json()["data"] is None
    assert alice.client.post(USERS, second).status_code == 201


def test_users_are_listed_searched_and_filtered(alice, bob):
    alice.client.post(USERS, NEW)
    assert alice.client.get(USERS).json()["count"] == 2
    assert alice.client.get(f"{USERS}?role=editor").json()["results"][0]["email"] == "grace@example.com"
    assert alice.client.get(f"{USERS}?search=grace").json()["count"] == 1
    assert alice.client.get(f"{TEAM}?ordering=-email").json()["results"][0]["email"] == "grace@example.com"
    assert alice.client.get(f"{USERS}?role=emperor").status_code == 400
    assert alice.client.get(f"{USERS}{bob.user.pk}/").status_code == 404
    assert bob.client.patch(f"{USERS}{alice.user.pk}/", {"first_name": "Eve"}).status_code == 404


def test_an_admin_does_not_touch_owners_nor_make_one(alice):
    admin = alice.as_role("admin")
    editor = UserFactory(account=alice.account, role="editor")
    assert admin.post(USERS, {**NEW, "role": "owner"}).status_code == 403
    for change in ({"role": "viewer"}, {"is_active": False}, {"first_name": "Mallory"}):
        assert admin.patch(f"{USERS}{alice.user.pk}/", change).status_code == 403
    assert admin.patch(f"{USERS}{editor.pk}/", {"role": "owner"}).status_code == 403
    assert admin.delete(f"{USERS}{alice.user.pk}/").status_code == 403
    answer = admin.patch(f"{USERS}{editor.pk}/", {"role": "admin", "first_name": "Edith"})
    assert answer.status_code == 200 and answer.json()["data"]["role"] == "admin"
    assert admin.put(f"{USERS}{editor.pk}/", {"role": "emperor"}).status_code == 400


def test_an_address_is_not_changed_by_somebody_else(alice):
    editor = UserFactory(account=alice.account, role="editor", email="edith@example.com")
    answer = alice.client.patch(f"{USERS}{editor.pk}/", {"email": "mine@example.com"})
    assert answer.status_code == 200 and answer.json()["data"]["email"] == "edith@example.com"


def test_an_account_keeps_an_owner(alice):
    url = f"{USERS}{alice.user.pk}/"
    for change in ({"role": "viewer"}, {"is_active": False}):
        answer = alice.client.patch(url, change)
        assert answer.status_code == 409 and answer.json()["code"] == "CONFLICT"
    assert alice.client.delete(url).status_code == 409
    other = UserFactory(account=alice.account, role="owner")
    assert client_of(other).delete(url).status_code == 200
    assert alice.client.get(USERS).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_leave_one(alice):
    other = UserFactory(account=alice.account, role="owner")
    pair = [(alice.user, other), (other, alice.user)]
    results = at_once(2, lambda i: user_update(user=pair[i][0], actor=pair[i][1], role="viewer"))
    assert User.objects.filter(account=alice.account, role="owner").count() == 1
    assert sum(isinstance(r, Exception) for r in results) == 1


def test_a_suspended_user_is_out_at_once(alice):
    editor = UserFactory(account=alice.account, role="editor")
    client = client_of(editor)
    assert client.get("/api/v1/auth/sites/").status_code == 200
    alice.client.patch(f"{USERS}{editor.pk}/", {"is_active": False})
    assert client.get("/api/v1/auth/sites/").json()["code"] == "ACCOUNT_SUSPENDED"


def test_removal_hands_over_what_the_person_owned(alice):
    gone = UserFactory(account=alice.account, role="editor", email="gone@example.com")
    heir = UserFactory(account=alice.account, role="editor", email="heir@example.com")
    client = client_of(gone)
    key = ApiKey.objects.create(
        account=alice.account, site=alice.site, name="k", prefix="ig8_x", key_hash="0", created_by=gone
    )
    content = Content.objects.create(
        account=alice.account, site=alice.site, title="t", slug="t", created_by=gone
    )
    SiteAccess.objects.create(account=alice.account, user=gone, site=alice.site)
    answer = alice.client.delete(f"{TEAM}{gone.pk}/?hand_over_to={heir.pk}")
    assert answer.status_code == 200 and "2 things" in answer.json()["message"], answer.content
    key.refresh_from_db(), content.refresh_from_db()
    assert key.created_by == heir and content.created_by == heir
    assert client.get("/api/v1/auth/sites/").status_code == 401
    record = AuditRecord.objects.get(action="user_removed")
    assert (record.actor, record.subject, record.details["heir"]) == (
        alice.user,
        "gone@example.com",
        "heir@example.com",
    )


def test_nobody_outside_inherits(alice, bob):
    gone = UserFactory(account=alice.account, role="editor")
    for heir in (bob.user.pk, gone.pk, 0, "x", 2**70):
        answer = alice.client.delete(f"{USERS}{gone.pk}/?hand_over_to={heir}")
        assert answer.status_code == 400 and "hand_over_to" in answer.json()["details"], heir
    assert User.objects.filter(pk=gone.pk).exists()
    assert alice.client.delete(f"{TEAM}{bob.user.pk}/").status_code == 404


def test_every_relation_to_a_user_is_handed_over_or_kept_on_purpose():
    """A relation that a removal would only empty says so here."""
    from django.db.models import SET_NULL

    kept = {
        "accounts.AuditRecord.actor": "the address stands beside it",
        "billing.CreditEntry.user": "who spent it is history",
        "billing.CreditUsage.user": "who used it is history",
        "billing.CreditPriceChange.user": "of staff, whom no account removes",
        "billing.Payment.reviewed_by": "of staff, whom no account removes",
        "intelligence.CategoryMapping.verified_by": "of staff, whom no account removes",
        "intelligence.PromptVersion.created_by": "who wrote it is history",
        "planner.LibraryImport.user": "of staff, whom no account removes",
    }
    emptied = set()
    for relation in User._meta.get_fields(include_hidden=True):
        if relation.auto_created and getattr(relation, "on_delete", None) is SET_NULL:
            model, name = relation.related_model, relation.field.name
            if name not in getattr(model, "handed_over", ()):
                emptied.add(f"{model._meta.label}.{name}")
    assert emptied == set(kept)


def test_sites_are_granted_and_taken_away(alice, bob):
    other = SiteFactory(account=alice.account)
    user = UserFactory(account=alice.account, role="viewer", all_sites=False)
    client = client_of(user)
    assert client.get("/api/v1/auth/sites/").json()["count"] == 0
    made = alice.client.post(ACCESS, {"user": user.pk, "site": other.pk})
    assert made.status_code == 201, made.content
    assert alice.client.post(ACCESS, {"user": user.pk, "site": other.pk}).status_code == 201
    assert [s["id"] for s in client.get("/api/v1/auth/sites/").json()["results"]] == [other.pk]
    assert alice.client.get(f"{ACCESS}?user={user.pk}").json()["count"] == 1
    assert bob.client.get(ACCESS).json()["count"] == 0
    url = f"{ACCESS}{made.json()['data']['id']}/"
    assert bob.client.delete(url).status_code == 404
    assert alice.client.delete(url).json()["data"] is None
    assert client.get("/api/v1/auth/sites/").json()["count"] == 0


def test_foreign_users_and_sites_are_not_granted(alice, bob):
    for body, field in (
        ({"user": bob.user.pk, "site": alice.site.pk}, "user"),
        ({"user": alice.user.pk, "site": bob.site.pk}, "site"),
        ({"user": "x", "site": alice.site.pk}, "user"),
        ({"user": alice.user.pk}, "site"),
    ):
        answer = alice.client.post(ACCESS, body)
        assert answer.status_code == 400 and field in answer.json()["details"]
    assert not SiteAccess.objects.exists()


def test_lists_cost_the_same_with_many_rows(alice, django_assert_max_num_queries):
    UserFactory.create_batch(12, account=alice.account, role="viewer", password=PASSWORD)
    with transaction.atomic():
        for user in User.objects.filter(role="viewer"):
            SiteAccess.objects.create(account=alice.account, user=user, site=alice.site)
    for path in (USERS, TEAM, ACCESS, "/api/v1/account/team/invitations/", "/api/v1/auth/subscriptions/"):
        with django_assert_max_num_queries(3):
            assert alice.client.get(path).status_code == 200
