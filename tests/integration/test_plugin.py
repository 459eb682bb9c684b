"""A site that connects by the companion plugin, with its ApiKey alone."""

import pytest

from apps.accounts.services.keys import api_key_create
from apps.core.fields import masked
from apps.integration.models import SiteIntegration
from tests.factories import SiteFactory, UserFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/integration/"
PLUGIN = {
    "auth_method": "plugin",
    "base_url": "https://blog.example.com",
    "username": "ed",
    "plugin_version": "1.0.0",
}


@pytest.fixture
def key(alice, anonymous):
    key = api_key_create(site=alice.site, name="Plugin", user_id=None)["key"]
    anonymous.credentials(HTTP_AUTHORIZATION=f"ApiKey {key}")
    return anonymous


def test_the_plugin_connects_with_its_key_and_gets_a_secret_each_time(alice, key):
    first = key.post(PATH, PLUGIN)
    assert first.status_code == 201, first.content
    secret = first.json()["data"]["signing_secret"]
    row = SiteIntegration.objects.get()
    assert (row.site, row.auth_method, row.app_password, row.signing_secret) == (
        alice.site,
        "plugin",
        "",
        secret,
    )
    assert row.has_plugin and len(secret) == 64
    again = key.post(PATH, {**PLUGIN, "base_url": "https://moved.example.com"})
    assert again.status_code == 200, again.content
    assert again.json()["data"]["id"] == row.pk
    assert again.json()["data"]["signing_secret"] not in (secret, masked(secret))
    shown = key.get(f"{PATH}{row.pk}/").json()["data"]["signing_secret"]
    assert shown == masked(again.json()["data"]["signing_secret"])
    assert again.json()["data"]["signing_secret"] not in alice.client.get(PATH).content.decode()


def test_a_plugin_takes_over_from_a_password_and_a_password_needs_its_user(alice, key):
    answer = alice.client.post(
        PATH,
        {
            "site": alice.site.pk,
            "base_url": "https://blog.example.com",
            "username": "e",
            "app_password": "p" * 24,
        },
    )
    secret = answer.json()["data"]["signing_secret"]
    assert len(secret) == 64
    assert key.post(PATH, PLUGIN).status_code == 200
    row = SiteIntegration.objects.get()
    assert (row.app_password, row.status) == ("", "untested") and row.signing_secret != secret
    back = alice.client.patch(f"{PATH}{row.pk}/", {"auth_method": "app_password"})
    assert back.status_code == 400 and set(back.json()["details"]) == {"app_password"}


def test_a_key_of_another_site_reaches_nothing(alice, key):
    other = SiteFactory(account=alice.account)
    answer = key.post(PATH, {**PLUGIN, "site": other.pk})
    assert answer.status_code == 400 and not SiteIntegration.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"post_types": {"story": "post"}},
        {"post_types": {"post": "../users"}},
        {"post_types": []},
        {"taxonomies": {"categories": "genre\u0000"}},
        {"author": "x" * 101},
        {"auth_method": "magic"},
    ],
)
def test_bad_choices(key, wrong):
    answer = key.post(PATH, {**PLUGIN, **wrong})
    assert answer.status_code == 400
    assert next(iter(answer.json()["details"])).startswith(next(iter(wrong)))


def test_staff_see_no_secret(key, client):
    secret = key.post(PATH, PLUGIN).json()["data"]["signing_secret"]
    client.force_login(UserFactory(account=None, email="staff@example.com", is_staff=True, is_superuser=True))
    page = client.get(f"/admin/integration/siteintegration/{SiteIntegration.objects.get().pk}/change/")
    assert (
        page.status_code == 200 and secret not in page.content.decode() and "1.0.0" in page.content.decode()
    )
