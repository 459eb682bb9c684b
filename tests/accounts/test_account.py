"""The account itself: settings, subscriptions, and what staff see across accounts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Account, AuditRecord, Subscription
from apps.accounts.tasks import forget_sessions
from tests.conftest import client_of
from tests.factories import PlanFactory, SiteFactory, UserFactory

pytestmark = pytest.mark.django_db
SETTINGS, ACCOUNTS, STAFF = "/api/v1/account/settings/", "/api/v1/auth/accounts/", "/api/v1/admin/users/"
SUBSCRIPTIONS = "/api/v1/auth/subscriptions/"


@pytest.fixture
def staff(db) -> APIClient:
    """A member of staff, who has no account."""
    return client_of(UserFactory(account=None, is_staff=True, email="staff@example.com"))


def test_settings_are_read_and_changed_in_part(alice):
    body = {
        "name": "Lovelace & Söhne",
        "timezone": "Europe/Berlin",
        "locale": "de",
        "tax_id": "DE123456789",
        "billing_address": {"line1": "Unter den Linden 1", "city": "Berlin", "country": "DE"},
    }
    answer = alice.client.patch(SETTINGS, body)
    assert answer.status_code == 200, answer.content
    assert alice.client.patch(SETTINGS, {"billing_address": {"postal_code": "10117"}}).status_code == 200
    data = alice.client.get(SETTINGS).json()["data"]
    assert data["name"] == "Lovelace & Söhne" and data["timezone"] == "Europe/Berlin"
    assert data["billing_address"] == {
        "name": "",
        "line1": "Unter den Linden 1",
        "line2": "",
        "city": "Berlin",
        "region": "",
        "postal_code": "10117",
        "country": "DE",
    }
    assert alice.client.get("/api/v1/auth/account/").json()["data"]["name"] == "Lovelace & Söhne"
    assert alice.client.patch(SETTINGS, {}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": "localtime"},
        {"timezone": 5},
        {"locale": "!!"},
        {"name": ""},
        {"name": "a\x00b"},
        {"tax_id": "x" * 41},
        {"billing_address": {"country": "Germany"}},
        {"billing_address": {"country": "QQ"}},
        {"billing_address": {"country": "UK"}},
        {"billing_address": "Berlin"},
        {"billing_address": {"line1": ["a"]}},
    ],
)
def test_odd_settings_are_refused(alice, change):
    answer = alice.client.patch(SETTINGS, change)
    assert answer.status_code == 400 and next(iter(change)) in answer.json()["details"]


def test_only_an_owner_changes_them(alice):
    assert alice.as_role("viewer").get(SETTINGS).status_code == 200
    assert alice.as_role("admin").patch(SETTINGS, {"name": "Mine"}).status_code == 403


def test_the_own_account_alone(alice, bob):
    listed = alice.client.get(ACCOUNTS).json()
    assert [a["id"] for a in listed["results"]] == [alice.account.pk]
    assert alice.client.get(f"{ACCOUNTS}{alice.account.pk}/").json()["data"]["name"] == "Alice"
    assert alice.client.get(f"{ACCOUNTS}{bob.account.pk}/").status_code == 404
    assert alice.client.get(f"{ACCOUNTS}?search=bob").json()["count"] == 0
    assert not AuditRecord.objects.exists()


def test_staff_read_all_accounts_and_leave_a_record(staff, alice, bob):
    assert staff.get(ACCOUNTS).json()["count"] == 2
    assert staff.get(f"{ACCOUNTS}{bob.account.pk}/").status_code == 200
    records = AuditRecord.objects.order_by("pk").values_list("actor_email", "subject", "account_id")
    assert list(records) == [
        ("staff@example.com", f"GET {ACCOUNTS}", None),
        ("staff@example.com", f"GET {ACCOUNTS}{bob.account.pk}/", bob.account.pk),
    ]


def test_a_record_names_the_account_that_was_asked_for(staff, alice):
    def newest() -> tuple:
        found = AuditRecord.objects.order_by("-pk")[0]
        return found.action, found.account_id, found.subject, found.details["query"]

    invoices = "/api/v1/admin/billing/invoices/"
    staff.get(f"{invoices}?account_id={alice.account.pk}&status=paid")
    asked = f"account_id={alice.account.pk}&status=paid"
    assert newest() == ("accounts_read", alice.account.pk, f"GET {invoices}", asked)
    for odd in ("999999", "x", "٣", "9" * 40):
        staff.get(f"{invoices}?account_id={odd}")
        assert newest()[1:3] == (None, f"GET {invoices}"), odd
    staff.get(f"/api/v1/admin/billing/🎉/proof/?{'x' * 2000}")
    assert newest()[2] == "GET /api/v1/admin/billing/%F0%9F%8E%89/proof/" and len(newest()[3]) == 500
    body = {"amount": 5, "reason": "goodwill"}
    staff.post(f"/api/v1/admin/users/{alice.account.pk}/adjust-credits/", body)
    assert newest()[:2] == ("accounts_changed", alice.account.pk)
    assert AuditRecord.objects.filter(actor_email="staff@example.com").count() == 7


def test_old_records_are_forgotten(staff, settings):
    for _ in range(2):
        staff.get(STAFF)
    old = AuditRecord.objects.order_by("pk")[0]
    AuditRecord.objects.filter(pk=old.pk).update(
        created_at=timezone.now() - timedelta(days=settings.AUDIT_DAYS + 1)
    )
    forget_sessions()
    assert AuditRecord.objects.exclude(pk=old.pk).count() == AuditRecord.objects.count() == 1


def test_staff_who_left_read_nothing(alice):
    gone = client_of(UserFactory(account=None, is_staff=True, is_active=False))
    assert gone.get(ACCOUNTS).status_code == 403 and gone.get(STAFF).status_code == 403


def test_staff_without_an_account_reach_no_tenant_route(staff):
    for path in ("/api/v1/auth/sites/", SETTINGS, "/api/v1/notifications/", "/api/v1/billing/balance/"):
        assert staff.get(path).status_code == 403, path
    assert staff.get("/api/v1/auth/sites/").headers["X-RateLimit-Remaining"]


def test_staff_without_an_account_log_in_change_the_password_and_log_out(staff):
    from tests.factories.accounts import PASSWORD

    client = APIClient()
    body = {"email": "staff@example.com", "password": PASSWORD}
    data = client.post("/api/v1/auth/login/", body).json()["data"]
    assert data["account"] is None
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {data['access']}")
    assert client.post("/api/v1/auth/logout/", {"refresh": data["refresh"]}).status_code == 200
    assert client.get(STAFF).status_code == 401
    change = {"old_password": PASSWORD, "new_password": "another fine sentence"}
    assert staff.post("/api/v1/auth/password/change/", change).status_code == 200


def test_a_token_does_not_outlive_a_move_to_another_account(alice, bob):
    alice.user.account = bob.account
    alice.user.save()
    assert alice.client.get(SETTINGS).status_code == 401
    alice.user.account = None
    alice.user.save()
    assert alice.client.get(SETTINGS).status_code == 401


def test_the_list_of_staff_tells_credits_plan_and_owner(staff, alice, bob, django_assert_max_num_queries):
    from apps.billing.services.ledger import credits_balance

    credits_balance(account_id=alice.account.pk)
    UserFactory(account=alice.account, role="viewer")
    SiteFactory.create_batch(2, account=alice.account)
    rows = {r["name"]: r for r in staff.get(STAFF).json()["results"]}
    assert rows["Alice"]["users"] == 2 and rows["Alice"]["sites"] == 3
    assert rows["Alice"]["owner_email"] == "alice@example.com" and rows["Alice"]["plan"] == "test"
    assert rows["Alice"]["credits"] == 100_000 and rows["Bob"]["credits"] == 0
    assert staff.get(f"{STAFF}?search=bob@").json()["count"] == 1
    assert staff.get(f"{STAFF}?ordering=-credits").json()["results"][0]["name"] == "Alice"
    assert staff.get(f"{STAFF}?status=closed").json()["count"] == 0
    assert staff.get(f"{STAFF}?status=nonsense").status_code == 400
    for _ in range(5):
        SiteFactory()
    with django_assert_max_num_queries(3):
        assert staff.get(STAFF).json()["count"] == 7
    assert alice.client.get(STAFF).status_code == 403


def test_subscriptions_old_and_new(alice, bob):
    Subscription.objects.filter(account=alice.account).update(status="ended")
    Subscription.objects.create(account=alice.account, plan=PlanFactory(slug="pro", name="Pro"))
    rows = alice.client.get(SUBSCRIPTIONS).json()
    assert [(r["plan"]["slug"], r["status"]) for r in rows["results"]] == [
        ("pro", "active"),
        ("test", "ended"),
    ]
    assert rows["results"][0]["period_start"] < rows["results"][0]["period_end"]
    assert alice.client.get(f"{SUBSCRIPTIONS}?status=active").json()["count"] == 1
    foreign = Subscription.objects.get(account=bob.account)
    assert alice.client.get(f"{SUBSCRIPTIONS}{foreign.pk}/").status_code == 404
    assert alice.client.get(f"{SUBSCRIPTIONS}{rows['results'][0]['id']}/").status_code == 200
    Account.objects.filter(pk=alice.account.pk).update(status="suspended")
    assert alice.client.get(SUBSCRIPTIONS).status_code == 200
