import pytest

from apps.accounts.models import LoginSession, Site, User
from tests.factories import IndustrySectorFactory, PlanFactory, SiteFactory
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
NEW = {"email": "Ada@Example.com", "password": "correct horse battery", "first_name": "Ada"}


def test_register_makes_account_owner_and_tokens(anonymous):
    answer = anonymous.post("/api/v1/auth/register/", NEW)
    assert answer.status_code == 201, answer.content
    data = answer.json()["data"]
    assert data["user"]["email"] == "ada@example.com"
    assert data["user"]["role"] == "owner"
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {data['access']}")
    assert anonymous.get("/api/v1/auth/account/").json()["data"]["name"] == "Ada"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "1234567890"}, "password"),
        ({"email": None}, "email"),
        ({"first_name": "x" * 81}, "first_name"),
        ({"first_name": "a\x00b"}, "first_name"),
    ],
)
def test_register_refuses(anonymous, change, field):
    answer = anonymous.post("/api/v1/auth/register/", {**NEW, **change})
    assert answer.status_code == 400
    body = answer.json()
    assert body["success"] is False and body["code"] == "VALIDATION_ERROR"
    assert field in body["error"]
    assert not User.objects.exists()


def test_register_twice_differs_only_in_case(anonymous):
    anonymous.post("/api/v1/auth/register/", NEW)
    answer = anonymous.post("/api/v1/auth/register/", {**NEW, "email": "ADA@example.COM"})
    assert answer.status_code == 400
    assert "email" in answer.json()["details"]
    assert User.objects.count() == 1


def test_login_is_case_insensitive_and_opens_a_session(anonymous, alice):
    answer = anonymous.post("/api/v1/auth/login/", {"email": "ALICE@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    assert "sessionid" in answer.cookies
    assert anonymous.get("/api/v1/auth/sites/").status_code == 200


def test_login_refuses_wrong_password(anonymous, alice):
    answer = anonymous.post("/api/v1/auth/login/", {"email": "alice@example.com", "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "NOT_AUTHENTICATED"


def test_refresh_rotates_and_reuse_ends_the_family(anonymous, alice):
    first = anonymous.post("/api/v1/auth/login/", {"email": alice.user.email, "password": PASSWORD}).json()[
        "data"
    ]
    anonymous.cookies.clear()
    second = anonymous.post("/api/v1/auth/token/refresh/", {"refresh": first["refresh"]}).json()["data"]
    again = anonymous.post("/api/v1/auth/token/refresh/", {"refresh": first["refresh"]})
    assert again.status_code == 401 and again.json()["code"] == "INVALID_TOKEN"
    assert anonymous.post("/api/v1/auth/token/refresh/", {"refresh": second["refresh"]}).status_code == 401
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {second['access']}")
    assert anonymous.get("/api/v1/auth/account/").status_code == 401


def test_logout_ends_access_token_too(anonymous, alice):
    tokens = anonymous.post("/api/v1/auth/login/", {"email": alice.user.email, "password": PASSWORD}).json()[
        "data"
    ]
    anonymous.cookies.clear()
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    answer = anonymous.post("/api/v1/auth/logout/", {"refresh": tokens["refresh"]})
    assert answer.status_code == 200 and answer.json()["data"] is None
    assert anonymous.get("/api/v1/auth/account/").status_code == 401
    anonymous.credentials()
    assert anonymous.post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 401


def test_logout_of_somebody_else_is_refused(alice, bob, anonymous):
    tokens = anonymous.post("/api/v1/auth/login/", {"email": bob.user.email, "password": PASSWORD}).json()[
        "data"
    ]
    answer = alice.client.post("/api/v1/auth/logout/", {"refresh": tokens["refresh"]})
    assert answer.status_code == 400 and "refresh" in answer.json()["details"]
    assert LoginSession.objects.filter(user=bob.user, ended_at__isnull=False).count() == 0


def test_password_change_ends_all_tokens(alice):
    body = {"old_password": PASSWORD, "new_password": "another fine sentence"}
    assert alice.client.post("/api/v1/auth/password/change/", body).status_code == 200
    answer = alice.client.get("/api/v1/auth/account/")
    assert answer.status_code == 401 and answer.json()["code"] == "INVALID_TOKEN"


def test_site_is_made_with_its_sectors_within_the_plan(alice):
    PlanFactory._meta.model.objects.update(max_sites=1)
    sector = IndustrySectorFactory(name="Coffee")
    body = {
        "name": "Bean there",
        "domain": "https://Bücher.example:8080/path",
        "industry_sectors": [sector.pk],
    }
    answer = alice.client.post("/api/v1/auth/sites/", body)
    assert answer.status_code == 201, answer.content
    site = Site.objects.get(pk=answer.json()["data"]["id"])
    assert site.slug == "bean-there" and site.domain == "xn--bcher-kva.example:8080"
    assert [s.name for s in site.sectors.all()] == ["Coffee"]
    second = alice.client.post("/api/v1/auth/sites/", {"name": "Two", "domain": "two.example"})
    assert second.status_code == 402 and second.json()["code"] == "PLAN_LIMIT_REACHED"
    assert alice.client.delete(f"/api/v1/auth/sites/{site.pk}/").json()["data"] is None
    assert (
        alice.client.post("/api/v1/auth/sites/", {"name": "Two", "domain": "two.example"}).status_code == 201
    )


def test_domain_once_in_an_account(alice, bob):
    body = {"name": "One", "domain": "one.example"}
    assert alice.client.post("/api/v1/auth/sites/", body).status_code == 201
    assert alice.client.post("/api/v1/auth/sites/", body).status_code == 400
    assert bob.client.post("/api/v1/auth/sites/", body).status_code == 201


def test_api_key_reads_its_own_site_only(alice, bob, anonymous):
    made = alice.client.post(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/", {"name": "plugin"}).json()[
        "data"
    ]
    listed = alice.client.get(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/").json()["data"]
    assert made["key"].startswith(made["prefix"]) and "key" not in listed[0]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    assert [s["id"] for s in anonymous.get("/api/v1/auth/sites/").json()["results"]] == [alice.site.pk]
    assert anonymous.get(f"/api/v1/auth/sites/{bob.site.pk}/").status_code == 404
    assert anonymous.post("/api/v1/auth/sites/", {"name": "x", "domain": "x.example"}).status_code == 403
    assert anonymous.get("/api/v1/auth/industries/").status_code == 403
    assert bob.client.delete(f"/api/v1/auth/sites/{bob.site.pk}/api-keys/{made['id']}/").status_code == 404
    alice.client.delete(f"/api/v1/auth/sites/{alice.site.pk}/api-keys/{made['id']}/")
    assert anonymous.get("/api/v1/auth/sites/").status_code == 401


def test_limited_user_sees_its_sites_only(alice):
    client = alice.as_role("viewer", all_sites=False)
    assert client.get("/api/v1/auth/sites/").json()["count"] == 0
    assert alice.as_role("viewer").get("/api/v1/auth/sites/").json()["count"] == 1


def test_suspended_account_can_still_log_in_and_out(alice, anonymous):
    alice.account.status = "suspended"
    alice.account.save()
    answer = alice.client.get("/api/v1/auth/sites/")
    assert answer.status_code == 403 and answer.json()["code"] == "ACCOUNT_SUSPENDED"
    login = anonymous.post("/api/v1/auth/login/", {"email": alice.user.email, "password": PASSWORD})
    assert login.status_code == 200
    assert (
        alice.client.post("/api/v1/auth/logout/", {"refresh": login.json()["data"]["refresh"]}).status_code
        == 200
    )


def test_sessions_that_ran_out_long_ago_are_forgotten(alice):
    from datetime import timedelta

    from django.utils import timezone

    from apps.accounts.services.sessions import session_forget

    LoginSession.objects.create(user=alice.user, jti="old", expires_at=timezone.now() - timedelta(days=31))
    LoginSession.objects.create(user=alice.user, jti="new", expires_at=timezone.now() - timedelta(days=29))
    assert session_forget() == 1
    assert not LoginSession.objects.filter(jti="old").exists()


def test_a_suspended_user_logs_in_and_sees_the_bill_alone(alice, anonymous):
    client = alice.as_role("owner", is_active=False, email="gone@example.com")
    for path in ("auth/sites/", "planner/keywords/", "notifications/", "automation/config/"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 403 and answer.json()["code"] == "ACCOUNT_SUSPENDED", path
    assert client.get("/api/v1/billing/balance/").status_code == 200
    login = anonymous.post("/api/v1/auth/login/", {"email": "gone@example.com", "password": PASSWORD})
    tokens = login.json()["data"]
    assert login.status_code == 200
    anonymous.cookies.clear()
    assert anonymous.post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 200


def test_a_suspended_member_of_staff_does_not_enter_the_admin(client, alice):
    alice.user.is_staff, alice.user.is_superuser, alice.user.is_active = True, True, False
    alice.user.save()
    client.force_login(alice.user)
    assert client.get("/admin/").status_code == 302


def test_a_sector_stays_on_its_site(alice):
    other = SiteFactory(account=alice.account)
    url = f"/api/v1/auth/sectors/{alice.sector.pk}/"
    for change in ({"site": other.pk}, {"industry_sector": IndustrySectorFactory().pk}):
        answer = alice.client.patch(url, change)
        assert answer.status_code == 400 and next(iter(change)) in answer.json()["details"]
    assert alice.client.patch(url, {"site": alice.site.pk, "name": "New name"}).status_code == 200


def test_a_sector_in_use_is_not_deleted_and_articles_outlive_it(alice):
    from apps.planner.models import Keyword
    from apps.writer.models import Content

    fields = {"account": alice.account, "site": alice.site, "sector": alice.sector}
    keyword = Keyword.objects.create(keyword="k", key="k", **fields)
    content = Content.objects.create(title="t", slug="t", **fields)
    url = f"/api/v1/auth/sectors/{alice.sector.pk}/"
    assert alice.client.delete(url).status_code == 409
    keyword.delete()
    assert alice.client.delete(url).status_code == 200
    content.refresh_from_db()
    assert content.sector_id is None


@pytest.mark.django_db(transaction=True)
def test_a_site_deleted_twice_at_once_gives_one_place_back(alice):
    from apps.accounts.models import LimitCounter
    from apps.accounts.services.keys import site_delete

    LimitCounter.objects.create(account=alice.account, resource="sites", used=2)
    first, second = (Site.objects.get(pk=alice.site.pk) for _ in range(2))
    site_delete(site=first)
    site_delete(site=second)
    assert LimitCounter.objects.get(resource="sites").used == 1


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "ex<a>mple.com"},
        {"domain": "-"},
        {"domain": "xn--"},
        {"domain": "1"},
        {"timezone": "localtime"},
        {"timezone": "Mars/Olympus"},
        {"language": "zz!!<>"},
        {"industry": 2.5},
        {"industry_sectors": [1] * 201},
        {"industry_sectors": [987654]},
    ],
)
def test_odd_sites_are_refused(alice, change):
    answer = alice.client.post("/api/v1/auth/sites/", {"name": "x", "domain": "x.example", **change})
    assert answer.status_code == 400 and next(iter(change)) in answer.json()["details"]
