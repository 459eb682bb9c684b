"""Passwords and addresses by links, and the lock after failures."""

import time

import pytest
from django.core import mail, signing

import config.settings
from apps.accounts.models import LoginSession, User
from apps.accounts.services.passwords import password_reset
from apps.core.models import Job, RateCounter
from tests.accounts.conftest import fresh
from tests.billing.threads import at_once
from tests.conftest import client_of
from tests.factories import UserFactory
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db
AUTH = "/api/v1/auth/"
RESET, CONFIRM = f"{AUTH}password/reset/", f"{AUTH}password/reset/confirm/"
NEW = "another fine sentence"


def login(email: str, password: str, address: str = "127.0.0.1"):
    return fresh().post(f"{AUTH}login/", {"email": email, "password": password}, REMOTE_ADDR=address)


def test_a_forgotten_password(alice, inbox):
    known = fresh().post(RESET, {"email": "ALICE@example.com"})
    unknown = fresh().post(RESET, {"email": "nobody@example.com"})
    assert known.status_code == unknown.status_code == 200 and known.content == unknown.content
    token = inbox.token(alice.user.email)
    assert [m.to for m in mail.outbox] == [[alice.user.email]]
    answer = fresh().post(CONFIRM, {"token": token, "new_password": NEW})
    assert answer.status_code == 200, answer.content
    assert alice.client.get(f"{AUTH}account/").status_code == 401
    assert login(alice.user.email, PASSWORD).status_code == 401
    assert login(alice.user.email, NEW).status_code == 200
    again = fresh().post(CONFIRM, {"token": token, "new_password": "a third sentence"})
    assert again.status_code == 400 and "token" in again.json()["details"]
    assert inbox.last(alice.user.email).subject == "Your password was changed"


def test_no_job_holds_a_link(alice, inbox):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    assert token not in str(list(Job.objects.values_list("payload", "result")))


def test_links_run_out_and_are_of_one_purpose(alice, inbox, monkeypatch):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    for path in ("email/verify/confirm/", "email/change/confirm/"):
        assert fresh().post(f"{AUTH}{path}", {"token": token}).status_code == 400
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 2 * 3600 + 5)
    assert fresh().post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 400


def test_a_weak_new_password_uses_nothing_up(alice, inbox):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    weak = fresh().post(CONFIRM, {"token": token, "new_password": "alice@example"})
    assert weak.status_code == 400 and "new_password" in weak.json()["details"]
    assert fresh().post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 200


def test_nobodys_mailbox_is_flooded(alice, inbox):
    for _ in range(12):
        fresh().post(RESET, {"email": alice.user.email})
    inbox.run_jobs()
    assert len(mail.outbox) == 10
    RateCounter.objects.filter(key__startswith="mail:").update(window=0)
    fresh().post(RESET, {"email": alice.user.email})
    inbox.run_jobs()
    assert len(mail.outbox) == 11


@pytest.mark.parametrize("body", [{}, {"email": "x"}, {"email": None}, {"email": "a\x00b@example.com"}])
def test_odd_resets(anonymous, body):
    assert anonymous.post(RESET, body).status_code == 400


def test_staff_without_an_account_get_their_mail_too(inbox, django_capture_on_commit_callbacks):
    UserFactory(account=None, email="staff@example.com", is_staff=True)
    with django_capture_on_commit_callbacks(execute=True):
        fresh().post(RESET, {"email": "staff@example.com"})
    token = inbox.token("staff@example.com")
    assert fresh().post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_reset_link_is_good_for_one_of_many(alice, inbox):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    results = at_once(6, lambda i: password_reset(token=token, new_password=f"the sentence {i}"))
    won = [i for i, r in enumerate(results) if isinstance(r, User)]
    assert len(won) == 1
    assert login(alice.user.email, f"the sentence {won[0]}").status_code == 200


def test_an_address_is_verified_by_its_link(inbox):
    body = {"email": "ada@example.com", "password": NEW}
    data = fresh().post(f"{AUTH}register/", body).json()["data"]
    assert data["user"]["email_verified_at"] is None
    token = inbox.token("ada@example.com")
    assert fresh().post(f"{AUTH}email/verify/confirm/", {"token": "x"}).status_code == 400
    for _ in range(2):  # the second does nothing
        assert fresh().post(f"{AUTH}email/verify/confirm/", {"token": token}).status_code == 200
    user = User.objects.get(email="ada@example.com")
    assert user.email_verified_at
    again = client_of(user).post(f"{AUTH}email/verify/")
    assert again.status_code == 409 and "already" in again.json()["error"]


def test_the_link_can_be_sent_again(alice, inbox):
    assert alice.client.post(f"{AUTH}email/verify/").status_code == 200
    assert inbox.last(alice.user.email).subject == "Verify your e-mail address"


def test_another_address_needs_the_password_and_its_own_link(alice, inbox, bob):
    path = f"{AUTH}email/change/"
    for body, field in (
        ({"email": "new@example.com", "password": "wrong"}, "password"),
        ({"email": "new@example.com"}, "password"),
        ({"email": "x", "password": PASSWORD}, "email"),
        ({"email": bob.user.email, "password": PASSWORD}, "email"),
        ({"email": alice.user.email, "password": PASSWORD}, "email"),
    ):
        answer = alice.client.post(path, body)
        assert answer.status_code == 400 and field in answer.json()["details"], body
    browser = fresh()
    browser.post(f"{AUTH}login/", {"email": alice.user.email, "password": PASSWORD})
    assert browser.get(f"{AUTH}account/").status_code == 200
    assert alice.client.post(path, {"email": "New@example.com", "password": PASSWORD}).status_code == 200
    token = inbox.token("new@example.com")
    alice.user.refresh_from_db()
    assert alice.user.email == "alice@example.com"
    assert fresh().post(f"{AUTH}email/change/confirm/", {"token": token}).status_code == 200
    alice.user.refresh_from_db()
    assert alice.user.email == "new@example.com" and alice.user.email_verified_at
    assert alice.client.get(f"{AUTH}account/").status_code == 401
    assert browser.get(f"{AUTH}account/").status_code == 401
    assert fresh().post(f"{AUTH}email/change/confirm/", {"token": token}).status_code == 400
    assert "new@example.com" in inbox.last("alice@example.com").body


def test_an_address_taken_meanwhile_stays_with_its_user(alice, inbox):
    alice.client.post(f"{AUTH}email/change/", {"email": "new@example.com", "password": PASSWORD})
    token = inbox.token("new@example.com")
    UserFactory(email="new@example.com")
    answer = fresh().post(f"{AUTH}email/change/confirm/", {"token": token})
    assert answer.status_code == 400 and "stays" in answer.json()["error"]


def test_a_link_to_the_old_address_ends_with_it(alice, inbox):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    User.objects.filter(pk=alice.user.pk).update(email="new@example.com")
    assert fresh().post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 400


def test_repeated_failures_lock_the_pair_with_a_clear_answer(alice, settings):
    settings.LOGIN_ATTEMPTS = 3
    for _ in range(3):
        assert login(alice.user.email, "wrong").status_code == 401
    locked = login(alice.user.email, PASSWORD)
    assert locked.status_code == 429 and locked.json()["code"] == "RATE_LIMITED"
    assert "minutes" in locked.json()["error"] and 1 <= int(locked.headers["Retry-After"]) <= 900
    assert login(alice.user.email.upper(), PASSWORD).status_code == 429
    assert login(alice.user.email, PASSWORD, "192.0.2.7").status_code == 200
    assert login("nobody@example.com", "wrong").status_code == 401


def test_a_lock_says_nothing_of_who_exists(settings):
    settings.LOGIN_ATTEMPTS = 1
    assert [login("nobody@example.com", "x").status_code for _ in range(2)] == [401, 429]


def test_a_lock_ends_after_its_minutes_and_with_a_new_password(alice, settings, inbox):
    settings.LOGIN_ATTEMPTS = 1
    login(alice.user.email, "wrong"), login(alice.user.email, "wrong")
    RateCounter.objects.filter(key__startswith="login:").update(window=0)
    assert login(alice.user.email, PASSWORD).status_code == 200
    login(alice.user.email, "wrong"), login(alice.user.email, "wrong")
    assert login(alice.user.email, PASSWORD).status_code == 429
    fresh().post(RESET, {"email": alice.user.email})
    fresh().post(CONFIRM, {"token": inbox.token(alice.user.email), "new_password": NEW})
    assert login(alice.user.email, NEW).status_code == 200


def test_many_addresses_lock_the_user(alice, settings):
    settings.LOGIN_ATTEMPTS = 1
    for i in range(10):
        assert login(alice.user.email, "wrong", f"192.0.2.{i}").status_code == 401
    assert login(alice.user.email, PASSWORD, "198.51.100.1").status_code == 429


@pytest.mark.django_db(transaction=True)
def test_guesses_side_by_side_count(alice, settings):
    settings.LOGIN_ATTEMPTS = 3
    answers = at_once(8, lambda i: login(alice.user.email, f"guess {i}").status_code)
    assert sorted(answers) == [401] * 3 + [429] * 5


def test_guessing_the_password_with_a_stolen_token_is_locked(alice, settings):
    settings.LOGIN_ATTEMPTS = 2
    body = {"old_password": "wrong", "new_password": NEW}
    answers = [alice.client.post(f"{AUTH}password/change/", body).status_code for _ in range(3)]
    assert answers == [400, 400, 429]


def test_the_admin_locks_too(client, alice, settings):
    settings.LOGIN_ATTEMPTS = 1
    form = {"username": alice.user.email, "password": "wrong"}
    client.post("/admin/login/", form)
    page = client.post("/admin/login/", form)
    assert page.status_code == 200 and b"Too many attempts" in page.content


def test_passwords_are_hashed_by_argon2(anonymous, settings):
    settings.PASSWORD_HASHERS = config.settings.PASSWORD_HASHERS
    anonymous.post(f"{AUTH}register/", {"email": "ada@example.com", "password": NEW})
    assert User.objects.get(email="ada@example.com").password.startswith("argon2$argon2id$")
    assert login("ada@example.com", NEW).status_code == 200


def test_pages_behind_the_links(alice, inbox, client):
    fresh().post(RESET, {"email": alice.user.email})
    token = inbox.token(alice.user.email)
    page = client.get("/account/reset/", {"token": token})
    assert page.status_code == 200 and alice.user.email in page.content.decode()
    assert client.post("/account/reset/", {"token": token, "new_password": "x"}).status_code == 400
    assert client.post("/account/reset/", {"token": token, "new_password": NEW}).status_code == 200
    assert login(alice.user.email, NEW).status_code == 200
    assert LoginSession.objects.filter(user=alice.user, ended_at__isnull=True).count() == 1
    for purpose in ("verify", "change", "reset", "invitation"):
        for odd in ("", "x", "\x00", "x" * 2000):
            assert client.get(f"/account/{purpose}/", {"token": odd}).status_code == 400
            assert client.post(f"/account/{purpose}/", {"token": odd}).status_code == 400
    client_of(User.objects.get(pk=alice.user.pk))
    User.objects.filter(pk=alice.user.pk).update(email_verified_at=None)
    client_of(User.objects.get(pk=alice.user.pk)).post(f"{AUTH}email/verify/")
    token = inbox.token(alice.user.email)
    assert client.get("/account/verify/", {"token": token}).status_code == 200
    assert User.objects.get(pk=alice.user.pk).email_verified_at is None
    assert client.post("/account/verify/", {"token": token}).status_code == 200
    assert User.objects.get(pk=alice.user.pk).email_verified_at
