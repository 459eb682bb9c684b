"""What staff do with accounts and people."""

import io

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from apps.accounts.models import (
    Account,
    ApiKey,
    AuditRecord,
    Industry,
    IndustrySector,
    LimitCounter,
    LoginSession,
    Site,
    Subscription,
    User,
)
from apps.accounts.services.keys import api_key_create
from apps.billing.services.ledger import credits_adjust
from apps.core.models import Job
from tests.conftest import client_of
from tests.factories import PlanFactory, SiteFactory, UserFactory
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
USER = "/admin/accounts/user/"


@pytest.fixture
def member() -> User:
    return UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client, member):
    client.force_login(member)
    return client


def test_an_accounts_page_tells_all_of_it(staff, alice, django_assert_max_num_queries):
    credits_adjust(account_id=alice.account.pk, amount=5, reference="r1", note="a goodwill")
    Job.objects.create(
        account=alice.account,
        kind="mail.send",
        run_after="2026-01-01T00:00Z",
        state="failed",
        error="it was full",
    )
    with django_assert_max_num_queries(40):
        text = staff.get(f"/admin/accounts/account/{alice.account.pk}/change/").content.decode()
    for part in (
        "Test",
        "100,005 credits",
        "a goodwill",
        "alice@example.com",
        "Alice&#x27;s site",
        "it was full",
    ):
        assert part in text, part


def test_an_account_made_by_hand_has_a_plan(staff):
    url = "/admin/accounts/account/add/"
    form = {"name": "By hand", "status": "active", "timezone": "UTC", "locale": "en"}
    formsets = [a.formset for a in staff.get(url).context["inline_admin_formsets"]]
    for formset in formsets:
        counts = formset.management_form.initial
        form |= {f"{formset.prefix}-{name}": count for name, count in counts.items()}
    assert staff.post(url, form).status_code == 200 and not Account.objects.exists()
    first = f"{formsets[0].prefix}-0"
    form |= {f"{first}-plan": PlanFactory().pk, f"{first}-status": "active"}
    form |= {f"{first}-anchor_0": "2026-01-31", f"{first}-anchor_1": "09:00"}
    answer = staff.post(url, form)
    assert answer.status_code == 302, answer.context["errors"]
    assert Subscription.objects.get().account.name == "By hand"


def test_staff_say_until_when_a_plan_is_paid(staff, alice):
    url = f"/admin/accounts/account/{alice.account.pk}/change/"
    plan, known = PlanFactory(price="30.00"), Subscription.objects.get(account=alice.account)
    form = {"name": "Alice", "status": "active", "timezone": "UTC", "locale": "en"}
    formsets = [a.formset for a in staff.get(url).context["inline_admin_formsets"]]
    for formset in formsets:
        counts = formset.management_form.initial
        form |= {f"{formset.prefix}-{name}": count for name, count in counts.items()}
    first = f"{formsets[0].prefix}-0"
    form |= {f"{first}-id": known.pk, f"{first}-account": alice.account.pk, f"{first}-plan": plan.pk}
    form |= {f"{first}-anchor_0": "2026-01-31", f"{first}-anchor_1": "09:00", f"{first}-status": "active"}
    late = {f"{first}-paid_until_0": "2026-13-01", f"{first}-paid_until_1": "09:00"}
    assert staff.post(url, form | late).status_code == 200
    given = {f"{first}-paid_until_0": "2027-02-28", f"{first}-paid_until_1": "09:00"}
    answer = staff.post(url, form | given | {f"{first}-next_plan": known.plan_id})
    assert answer.status_code == 302, answer.context["errors"]
    saved = Subscription.objects.get(pk=known.pk)
    assert (saved.plan, saved.next_plan_id) == (plan, known.plan_id)
    assert f"{saved.paid_until:%Y-%m-%d %H}" == "2027-02-28 09"
    assert staff.post(url, form).status_code == 302  # a plan that is given has no end
    assert Subscription.objects.get(pk=known.pk).paid_until is None


def test_acting_as_a_user_leaves_a_record_and_ends(staff, member, alice):
    url = f"{USER}{alice.user.pk}/impersonate/"
    assert b"reason" in staff.get(url).content
    assert not AuditRecord.objects.exists()
    answer = staff.post(url, {"reason": "case 42", "_form_submitted": "True"})
    token = answer.context["token"]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/api/v1/auth/sites/").json()["results"][0]["id"] == alice.site.pk
    record = AuditRecord.objects.get()
    assert (record.action, record.actor, record.subject) == ("impersonated", member, alice.user.email)
    assert record.account == alice.account and record.details["reason"] == "case 42"
    assert LoginSession.objects.get(impersonator=member).user == alice.user
    change = {"old_password": "guess", "new_password": "another fine sentence"}
    assert client.post("/api/v1/auth/password/change/", change).status_code == 400
    staff.post(f"{USER}{alice.user.pk}/password/", {"password1": "x" * 12, "password2": "x" * 12})
    assert client.get("/api/v1/auth/sites/").status_code == 401


def test_nobody_acts_as_staff_nor_without_the_permission(staff, client, alice):
    other = UserFactory(account=alice.account, is_staff=True)
    answer = staff.post(f"{USER}{other.pk}/impersonate/", {"reason": "x", "_form_submitted": "True"})
    assert b"Nobody acts as a member of staff" in answer.content
    client.force_login(UserFactory(account=None, is_staff=True, email="junior@example.com"))
    answer = client.post(f"{USER}{alice.user.pk}/impersonate/", {"reason": "x", "_form_submitted": "True"})
    assert answer.status_code == 403
    assert not AuditRecord.objects.exists()


def test_a_password_set_by_staff_ends_every_session(staff, alice):
    form = {"password1": "another fine sentence", "password2": "another fine sentence"}
    assert staff.post(f"{USER}{alice.user.pk}/password/", form).status_code == 302
    assert alice.client.get("/api/v1/auth/sites/").status_code == 401
    login = {"email": alice.user.email, "password": "another fine sentence"}
    assert APIClient().post("/api/v1/auth/login/", login).status_code == 200


def test_who_may_change_users_takes_over_nobody(client, member, alice):
    helper = UserFactory(account=None, is_staff=True, email="helper@example.com")
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user", "delete_user"])
    )
    client.force_login(helper)
    form = {"email": alice.user.email, "account": alice.account.pk, "role": "owner", "is_active": "on"}
    rights = {"is_staff": "on", "is_superuser": "on", "user_permissions": [Permission.objects.first().pk]}
    answer = client.post(f"{USER}{alice.user.pk}/change/", form | rights | {"first_name": "Changed"})
    assert answer.status_code == 302, answer.context["errors"]
    alice.user.refresh_from_db()
    assert alice.user.first_name == "Changed" and not alice.user.is_staff and not alice.user.is_superuser
    assert not alice.user.user_permissions.exists()
    passwords = {"password1": "another fine sentence", "password2": "another fine sentence"}
    for user in (member, helper):
        assert (
            client.post(f"{USER}{user.pk}/change/", {"email": "mine@example.com"} | rights).status_code == 403
        )
        assert client.post(f"{USER}{user.pk}/password/", passwords).status_code == 403
        assert client.post(f"{USER}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [member.pk, alice.user.pk], "post": "yes"}
    client.post(USER, form)
    assert User.objects.filter(pk__in=[member.pk, alice.user.pk], email__contains="@example.com").count() == 2
    assert client.post(f"{USER}{alice.user.pk}/password/", passwords).status_code == 302


def test_users_made_moved_and_deleted_here_are_counted(staff, alice, bob):
    form = {"email": "New@Example.com", "account": alice.account.pk, "role": "editor"}
    answer = staff.post(f"{USER}add/", {**form, "password1": PASSWORD, "password2": PASSWORD})
    assert answer.status_code == 302, answer.context["errors"]
    assert LimitCounter.objects.get(account=alice.account, resource="users").used == 2
    user = User.objects.get(email="new@example.com")
    client_of(user)
    staff.post(f"{USER}{user.pk}/change/", {**form, "account": bob.account.pk, "is_active": "on"})
    assert LimitCounter.objects.get(account=alice.account, resource="users").used == 1
    assert LimitCounter.objects.get(account=bob.account, resource="users").used == 2
    assert staff.post(f"{USER}{user.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()
    assert LimitCounter.objects.get(account=bob.account, resource="users").used == 1


def test_a_site_deleted_here_gives_its_place_back(staff, alice):
    api_key_create(site=alice.site, name="plugin", user_id=None)
    LimitCounter.objects.create(account=alice.account, resource="sites", used=2)
    SiteFactory(account=alice.account)
    assert staff.post(f"/admin/accounts/site/{alice.site.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Site.objects.filter(pk=alice.site.pk).exists()
    assert LimitCounter.objects.get(account=alice.account, resource="sites").used == 1


def test_keys_are_revoked_here(staff, alice):
    made = api_key_create(site=alice.site, name="plugin", user_id=None)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"ApiKey {made['key']}")
    assert client.get("/api/v1/auth/sites/").status_code == 200
    staff.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [made["id"]]})
    assert client.get("/api/v1/auth/sites/").status_code == 401
    assert ApiKey.objects.get().revoked_at


def csv_of(answer) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode("utf-8-sig")


def upload(staff, model: str, text: str):
    """The two steps of an import: look, then confirm. Answers the page that shows, and the one after confirming."""
    url = f"/admin/accounts/{model}/import/"
    file = io.BytesIO(text.encode())
    file.name = "file.csv"
    shown = staff.post(url, {"import_file": file, "format": "0", "resource": ""})
    if shown.status_code != 200 or "confirm_form" not in shown.context:
        return shown, None
    confirm = shown.context["confirm_form"].initial
    return shown, staff.post(f"/admin/accounts/{model}/process_import/", {**confirm, "resource": ""})


def test_the_catalogue_comes_in_by_its_templates_and_goes_out(staff):
    for model in ("industry", "industrysector"):
        template = csv_of(staff.get(f"/admin/accounts/{model}/csv-template/"))
        shown, stored = upload(staff, model, template)
        assert shown.status_code == 200 and stored.status_code == 302, shown.content.decode()[:3000]
    sector = IndustrySector.objects.get(slug="coffee-tea")
    assert sector.industry.name == "Food & Drink" and sector.is_active
    for model in ("industry", "industrysector"):
        out = csv_of(staff.post(f"/admin/accounts/{model}/export/", {"format": "0", "resource": ""}))
        assert "food-drink" in out and out.startswith("slug,")
        upload(staff, model, out)
    assert Industry.objects.count() == IndustrySector.objects.count() == 1


def test_a_file_without_the_column_wakes_nothing(staff):
    Industry.objects.create(name="Tea", slug="tea", is_active=False, description="kept")
    for text in ("slug,name\ntea,Tea 2\n", "slug,name,is_active\ntea,Tea 3,\n"):
        assert upload(staff, "industry", text)[1].status_code == 302
    tea = Industry.objects.get()
    assert (tea.name, tea.is_active, tea.description) == ("Tea 3", False, "kept")


def test_a_wrong_catalogue_stores_nothing(staff):
    for text in (
        "slug,industry,name\ntea,nowhere,Tea\n",
        "slug,name\nno slug!,x\n",
        "slug,name\n,x\n",
        "name\nx\n",
        "\x00",
    ):
        shown, stored = upload(staff, "industrysector", text)
        assert shown.status_code == 200 and stored is None, text
    assert not IndustrySector.objects.exists()


def test_formulas_do_not_leave(staff):
    Industry.objects.create(name="=cmd()", slug="x")
    out = csv_of(staff.post("/admin/accounts/industry/export/", {"format": "0", "resource": ""}))
    assert ",=cmd" not in out


def test_who_may_only_look_imports_nothing(client):
    user = UserFactory(account=None, is_staff=True, email="reader@example.com")
    user.user_permissions.add(Permission.objects.get(codename="view_industry"))
    client.force_login(user)
    assert client.get("/admin/accounts/industry/").status_code == 200
    for path in ("import", "csv-template"):
        assert client.get(f"/admin/accounts/industry/{path}/").status_code == 403
    assert client.get("/admin/accounts/industry/export/").status_code == 200
