"""Invitations: by mail, once, for a time, within the plan."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Invitation, LimitCounter, User
from apps.accounts.services.team import invitation_accept, invitations_expire
from apps.core.errors import AppError
from tests.accounts.conftest import fresh
from tests.billing.threads import at_once
from tests.factories import PlanFactory, SiteFactory

pytestmark = pytest.mark.django_db
TEAM, ACCEPT, WAITING = (f"/api/v1/account/team/{part}" for part in ("", "accept/", "invitations/"))
PASSWORD = "correct horse battery"
GRACE = "grace@example.com"


def invite(actor, **fields):
    return actor.client.post(TEAM, {"email": "Grace@example.com", "role": "editor", **fields})


def places(account) -> int:
    return LimitCounter.objects.get(account=account, resource="users").used


def test_an_invitation_is_mailed_and_accepted_once(verified, inbox):
    verified.account.name = "Tea & <b>Co</b>"
    verified.account.save()
    answer = invite(verified)
    assert answer.status_code == 201, answer.content
    assert answer.json()["data"]["status"] == "pending" and "code" not in answer.json()["data"]
    message = inbox.last(GRACE)
    assert message.subject == "You are invited to Tea & <b>Co</b> at Igny8"
    html = message.alternatives[0].content
    assert "Tea &amp; &lt;b&gt;Co" in html and "Tea & <b>Co" in message.body
    body = {"token": inbox.token(GRACE), "password": PASSWORD, "first_name": "Grace"}
    client = fresh()
    joined = client.post(ACCEPT, body)
    assert joined.status_code == 201, joined.content
    user = User.objects.get(email=GRACE)
    assert (user.account, user.role, user.first_name) == (verified.account, "editor", "Grace")
    assert user.email_verified_at
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {joined.json()['data']['access']}")
    assert client.get("/api/v1/auth/sites/").json()["count"] == 1
    again = fresh().post(ACCEPT, body)
    assert again.status_code == 400 and "token" in again.json()["details"]
    assert verified.client.get(f"{WAITING}?status=accepted").json()["count"] == 1


def test_who_invites_has_a_verified_address(alice):
    answer = invite(alice)
    assert answer.status_code == 403 and "Verify your e-mail" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "x"}, "email"),
        ({"email": "alice@example.com"}, "email"),
        ({"role": "emperor"}, "role"),
        ({"site_ids": [987654]}, "site_ids"),
        ({"site_ids": "all"}, "site_ids"),
    ],
)
def test_odd_invitations_are_refused(verified, change, field):
    answer = invite(verified, **change)
    assert answer.status_code == 400 and field in answer.json()["details"]


def test_an_address_of_another_account_is_refused(verified, bob):
    assert invite(verified, email=bob.user.email).status_code == 400


def test_an_admin_invites_no_owner(verified):
    admin = verified.as_role("admin", email_verified_at=timezone.now())
    assert admin.post(TEAM, {"email": GRACE, "role": "owner"}).status_code == 403
    assert admin.post(TEAM, {"email": GRACE, "role": "admin"}).status_code == 201


def test_once_more_sends_a_new_link_and_takes_no_second_place(verified, inbox):
    invite(verified)
    first = inbox.token(GRACE)
    assert invite(verified, role="viewer").status_code == 201
    second = inbox.token(GRACE)
    assert Invitation.objects.count() == 1 and places(verified.account) == 1
    assert fresh().post(ACCEPT, {"token": first, "password": PASSWORD}).status_code == 400
    assert fresh().post(ACCEPT, {"token": second, "password": PASSWORD}).status_code == 201
    assert User.objects.get(email=GRACE).role == "viewer"


def test_a_pending_invitation_holds_a_place_until_it_ends(verified, inbox):
    PlanFactory._meta.model.objects.update(max_users=1)
    made = invite(verified).json()["data"]
    assert invite(verified, email="two@example.com").status_code == 402
    token = inbox.token(GRACE)
    assert verified.client.delete(f"{WAITING}{made['id']}/").json()["data"] is None
    assert verified.client.delete(f"{WAITING}{made['id']}/").status_code == 200
    assert places(verified.account) == 0
    assert fresh().post(ACCEPT, {"token": token, "password": PASSWORD}).status_code == 400
    assert invite(verified, email="two@example.com").status_code == 201
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert fresh().post(
        ACCEPT, {"token": inbox.token("two@example.com"), "password": PASSWORD}
    ).status_code == (400)
    assert invitations_expire() == 1 and invitations_expire() == 0
    assert places(verified.account) == 0


def test_invitations_of_others_do_not_exist(verified, bob):
    made = invite(verified).json()["data"]
    assert bob.client.get(WAITING).json()["count"] == 0
    assert bob.client.delete(f"{WAITING}{made['id']}/").status_code == 404


def test_only_the_named_sites_are_seen(verified, inbox):
    site = SiteFactory(account=verified.account)
    invite(verified, site_ids=[site.pk])
    joined = fresh().post(ACCEPT, {"token": inbox.token(GRACE), "password": PASSWORD}).json()["data"]
    client = fresh()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {joined['access']}")
    assert [s["id"] for s in client.get("/api/v1/auth/sites/").json()["results"]] == [site.pk]


def test_a_weak_password_uses_nothing_up(verified, inbox):
    invite(verified)
    token = inbox.token(GRACE)
    answer = fresh().post(ACCEPT, {"token": token, "password": "1234567890"})
    assert answer.status_code == 400 and "password" in answer.json()["details"]
    assert fresh().post(ACCEPT, {"token": token, "password": PASSWORD}).status_code == 201


def test_false_tokens_and_suspended_accounts(verified, inbox):
    for token in ("x", "a:b:c", "\x00", "é" * 500, "x" * 1001):
        answer = fresh().post(ACCEPT, {"token": token, "password": PASSWORD})
        assert answer.status_code == 400 and "token" in answer.json()["details"]
    invite(verified)
    token = inbox.token(GRACE)
    verified.account.status = "suspended"
    verified.account.save()
    assert fresh().post(ACCEPT, {"token": token, "password": PASSWORD}).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_a_link_followed_by_eight_at_once_makes_one_user(verified, inbox):
    invite(verified)
    token = inbox.token(GRACE)
    results = at_once(8, lambda i: invitation_accept(token=token, password=PASSWORD))
    assert sum(isinstance(r, User) for r in results) == 1
    assert all(isinstance(r, User | AppError) for r in results), results
    assert places(verified.account) == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_to_one(verified):
    PlanFactory._meta.model.objects.update(max_users=1)
    from apps.accounts.services.team import invitation_send

    results = at_once(
        6, lambda i: invitation_send(actor=verified.user, email=f"p{i}@example.com", role="viewer")
    )
    assert sum(isinstance(r, Invitation) for r in results) == 1
    assert Invitation.objects.count() == 1


def test_the_page_behind_the_link(verified, inbox, client):
    invite(verified)
    token = inbox.token(GRACE)
    page = client.get("/account/invitation/", {"token": token})
    assert page.status_code == 200 and "Alice" in page.content.decode()
    assert not User.objects.filter(email=GRACE).exists()
    weak = client.post("/account/invitation/", {"token": token, "password": "short"})
    assert weak.status_code == 400 and b"too short" in weak.content
    assert client.post("/account/invitation/", {"token": token, "password": PASSWORD}).status_code == 200
    assert User.objects.filter(email=GRACE).exists()
    used = client.get("/account/invitation/", {"token": token})
    assert used.status_code == 400 and b"no longer good" in used.content
