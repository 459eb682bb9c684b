import json

import pytest

from apps.accounts.services.keys import api_key_create
from apps.core.fields import masked
from apps.integration.clients.wordpress import diagnose
from apps.integration.models import SiteIntegration
from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/integration/"
PASSWORD = "abcd efgh ijkl mnop qrst uvwx"
JSON = {"Content-Type": "application/json"}
INDEX = json.dumps(
    {"name": "Shop", "namespaces": ["wp/v2"], "authentication": {"application-passwords": {"endpoints": {}}}}
)


def body(site, **fields) -> dict:
    return {
        "site": site.pk,
        "base_url": "https://blog.example.com",
        "username": "editor",
        "app_password": PASSWORD,
        **fields,
    }


@pytest.fixture
def connection(alice) -> dict:
    answer = alice.client.post(PATH, body(alice.site))
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]


def test_the_password_is_kept_secret(alice, connection):
    assert connection["app_password"] == "••••uvwx"
    row = SiteIntegration.objects.get()
    assert row.app_password == PASSWORD
    stored = SiteIntegration.objects.extra(select={"raw": "app_password::text"}).values_list(
        "raw", flat=True
    )[0]
    assert "uvwx" not in stored
    for answer in (alice.client.get(PATH), alice.client.get(f"{PATH}{connection['id']}/")):
        assert PASSWORD not in answer.content.decode()


def test_the_masked_password_sent_back_changes_nothing(alice, connection):
    answer = alice.client.patch(
        f"{PATH}{connection['id']}/",
        {"app_password": connection["app_password"], "is_active": False},
    )
    assert answer.status_code == 200, answer.content
    row = SiteIntegration.objects.get()
    assert (row.app_password, row.is_active) == (PASSWORD, False)


def test_a_new_address_needs_the_password_anew(alice, connection):
    path = f"{PATH}{connection['id']}/"
    for password in ({}, {"app_password": masked(PASSWORD)}):
        answer = alice.client.patch(path, {"base_url": "https://evil.example.com", **password})
        assert answer.status_code == 400
        assert "app_password" in answer.json()["details"]
    answer = alice.client.patch(
        path, {"base_url": "https://new.example.com", "app_password": "another password"}
    )
    assert answer.status_code == 200
    assert SiteIntegration.objects.get().base_url == "https://new.example.com"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://blog.example.com/", "https://blog.example.com"),
        ("https://example.com/blog/wp-admin/", "https://example.com/blog"),
        ("https://example.com/wp-json", "https://example.com"),
    ],
)
def test_addresses_are_tidied(alice, typed, stored):
    answer = alice.client.post(PATH, body(alice.site, base_url=typed))
    assert answer.json()["data"]["base_url"] == stored


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://example.com"},
        {"base_url": "http://10.0.0.1"},
        {"base_url": "http://127.0.0.1:5432"},
        {"base_url": "http://[::1]/"},
        {"base_url": "https://user:pw@example.com"},
        {"base_url": "https://example.com/?p=1"},
        {"base_url": "no address"},
        {"base_url": "https://e\u0000vil.example.com"},
        {"username": ""},
        {"username": "x" * 101},
        {"app_password": ""},
        {"app_password": "••••uvwx"},
        {"platform": "drupal"},
        {"site": 0},
        {"site": "x"},
    ],
)
def test_bad_input(alice, wrong):
    answer = alice.client.post(PATH, body(alice.site) | wrong)
    assert answer.status_code == 400, answer.content
    assert next(iter(wrong)) in answer.json()["details"]
    assert not SiteIntegration.objects.exists()


def test_one_connection_a_site(alice, connection):
    answer = alice.client.post(PATH, body(alice.site))
    assert answer.status_code == 400
    assert "has a connection" in answer.json()["error"]


def test_whose_it_is(alice, bob, connection):
    path = f"{PATH}{connection['id']}/"
    for answer in (
        bob.client.get(path),
        bob.client.delete(path),
        bob.client.patch(path, {"is_active": False}),
        bob.client.post(f"{path}test_connection/"),
    ):
        assert answer.status_code == 404
    assert bob.client.post(PATH, body(alice.site)).status_code == 400
    assert alice.as_role("editor").post(PATH, body(alice.site)).status_code == 403
    assert alice.as_role("viewer").get(PATH).json()["count"] == 1
    assert alice.as_role("editor").post(f"{path}test_connection/").status_code == 403
    assert bob.client.get(PATH).json()["count"] == 0


def test_a_key_reaches_its_own_site(alice, anonymous, connection):
    other = SiteFactory(account=alice.account)
    key = api_key_create(site=other, name="plugin", user_id=None)["key"]
    headers = {"Authorization": f"ApiKey {key}"}
    assert anonymous.get(PATH, headers=headers).json()["count"] == 0
    assert anonymous.get(f"{PATH}{connection['id']}/", headers=headers).status_code == 404
    made = anonymous.post(PATH, body(other), headers=headers)
    assert made.status_code == 201, made.content
    assert anonymous.post(PATH, body(alice.site), headers=headers).status_code == 400
    path = f"{PATH}{made.json()['data']['id']}/"
    assert anonymous.delete(path, headers=headers).status_code == 403
    assert anonymous.patch(path, {"username": "x"}, headers=headers).status_code == 403


def test_list_filters_and_costs_the_same(alice, connection, django_assert_max_num_queries):
    SiteIntegration.objects.create(
        account=alice.account,
        site=SiteFactory(account=alice.account),
        base_url="https://b.example.com",
        username="x",
        app_password="y",
        status="failed",
    )
    with django_assert_max_num_queries(3):
        assert alice.client.get(PATH).json()["count"] == 2
    assert alice.client.get(PATH, {"status": "failed"}).json()["count"] == 1
    assert alice.client.get(PATH, {"site_id": alice.site.pk}).json()["count"] == 1
    assert alice.client.get(PATH, {"search": "blog"}).json()["count"] == 1


def refused(code: str, status: int) -> tuple:
    return (status, JSON, json.dumps({"code": code, "message": f"<b>{code}</b>", "data": {"status": status}}))


ROOT, ME = "/wp-json/", "/wp-json/wp/v2/users/me"
BROKEN = {
    "rest_missing": {"*": (404, {}, "<html>")},
    "html": {ROOT: (200, {"Content-Type": "text/html"}, "<html>coming soon</html>")},
    "not_wordpress": {ROOT: (200, JSON, '{"name": "another API"}')},
    "cut": {ROOT: (200, JSON, INDEX[:40])},
    "redirect": {ROOT: (301, {"Location": "https://www.example.com/wp-json/"}, "")},
    "challenge": {ROOT: (403, {"cf-mitigated": "challenge"}, "<title>Just a moment...</title>")},
    "firewall": {ROOT: (406, {}, "<h1>Not Acceptable!</h1> Mod_Security")},
    "maintenance": {ROOT: (503, {}, "Briefly unavailable for scheduled maintenance.")},
    "server_error": {ROOT: (500, {}, "There has been a critical error on this website.")},
    "rate_limited": {ROOT: (429, {"Retry-After": "60"}, "")},
    "rest_blocked": {ROOT: refused("rest_login_required", 403)},
    "credentials": {ROOT: (200, JSON, INDEX), ME: refused("incorrect_password", 401)},
    "not_logged_in": {ROOT: (200, JSON, INDEX), ME: refused("rest_not_logged_in", 401)},
    "app_passwords_off": {
        ROOT: (200, JSON, '{"namespaces": ["wp/v2"], "authentication": []}'),
        ME: refused("rest_not_logged_in", 401),
    },
    "capability": {
        ROOT: (200, JSON, INDEX),
        ME: (200, JSON, '{"username": "c", "roles": ["contributor"], "capabilities": {"edit_posts": true}}'),
    },
}


@pytest.mark.parametrize("cause", BROKEN)
def test_each_broken_set_up_has_its_sentence(alice, broken_site, monkeypatch, cause):
    monkeypatch.setattr("apps.integration.clients.wordpress.api._wait", lambda state: 0)
    broken_site.answers = {"*": (404, {}, "<html>")} | BROKEN[cause]
    connection = SiteIntegration.objects.create(
        account=alice.account,
        site=alice.site,
        base_url=broken_site.url,
        username="editor",
        app_password=PASSWORD,
    )
    answer = alice.client.post(f"{PATH}{connection.pk}/test_connection/")
    assert answer.status_code == 200
    found = answer.json()["data"]
    assert (found["connected"], found["cause"]) == (False, cause), found
    assert found["checks"][-1]["ok"] is False
    assert len(found["message"]) > 50 and "<" not in found["message"]
    assert PASSWORD not in answer.content.decode()
    connection.refresh_from_db()
    assert (connection.status, connection.last_error) == ("failed", found["message"])


def test_the_api_behind_a_parameter_is_found(broken_site):
    me = '{"username": "e", "roles": [], "capabilities": {"edit_posts": 1, "publish_posts": 1, "upload_files": 1}}'

    class Both(dict):
        """/index.php answers by its parameter, which the server has cut off: the index first, then the user."""

        def get(self, path, default=None):
            if path != "/index.php":
                return (404, {}, "<html>")
            self.asked = getattr(self, "asked", 0) + 1
            return (200, JSON, INDEX if self.asked == 1 else me)

    broken_site.answers = Both()
    found = diagnose(url=broken_site.url, username="e", password="p")
    assert found.connected, found
    assert found.rest_root == f"{broken_site.url}/index.php?rest_route="
    assert found.missing == ["make categories"]


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:1", "refused"),
        ("http://does-not-exist.invalid", "dns"),
        ("http://192.168.7.7", "address"),
    ],
)
def test_what_does_not_answer(settings, monkeypatch, url, cause):
    monkeypatch.setattr("apps.integration.clients.wordpress.api._wait", lambda state: 0)
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    found = diagnose(url=url, username="e", password="p")
    assert (found.connected, found.cause) == (False, cause), found
