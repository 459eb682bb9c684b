"""The companion plugin in a real WordPress: connecting, signed requests, keys, webhooks, and its end."""

import subprocess
import zipfile

import httpx
import pytest

from apps.accounts.services.keys import api_key_create
from apps.integration.models import SiteIntegration, WebhookEvent
from apps.publisher.models import WordPressMedium, WordPressPost
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from apps.writer.models import Image
from scripts import plugin as packing
from scripts.e2e.wordpress import install_plugins
from tests.e2e_real.bridge import Admin, recorder
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(wordpress):
    """The plugin is on; its page."""
    wordpress.plugin(active=True)
    return Admin(wordpress)


@pytest.fixture
def bridged(alice, wordpress, admin, live_server, settings):
    """Alice's site, connected by the plugin."""
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    alice.key = api_key_create(site=alice.site, name="Plugin", user_id=None)["key"]
    page = admin.connect(live_server.url, alice.key)
    assert "Connected." in page and alice.key not in page, page
    yield alice
    wordpress.plugin(active=True)
    admin.press("disconnect")


@pytest.fixture
def rest(wordpress):
    with wordpress.api() as client:
        yield client


def publish(content, reference="test:1"):
    return content_publish(account_id=content.account_id, content_id=content.pk, reference=reference)


def test_every_file_is_php_and_the_package_is_the_same_twice(parts, tmp_path):
    files = sorted(packing.PLUGIN.rglob("*.php"))
    for file in files:
        done = subprocess.run(["php", "-l", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "GPL-2.0-or-later" in file.read_text()
    first, second = packing.pack(tmp_path / "a"), packing.pack(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert len(names) == len(files) + 1 and "igny8-bridge/igny8-bridge.php" in names


def test_it_connects_publishes_and_finds_its_posts_again(bridged, wordpress, rest):
    row = SiteIntegration.objects.get()
    assert (row.auth_method, row.status, row.plugin_version, row.app_password) == (
        "plugin",
        "connected",
        "1.0.0",
        "",
    )
    content = ApprovedContentFactory(
        site=bridged.site,
        title="Bridged & signed",
        content_type="page",
        meta_title="Über 100% “signed”",
        primary_keyword="cold brew",
        categories=[],
        tags=[],
    )
    GeneratedImageFactory(content=content, color="navy", alt="Ein Glas “kalt”", caption="12 h 🫘")
    GeneratedImageFactory(
        content=content, kind=Image.Kind.IN_ARTICLE, position=1, color="olive", alt="A clock"
    )
    done = publish(content)
    assert set(done["fields"].values()) == {"kept"}, done["fields"]
    page = rest.get(f"/pages/{done['external_id']}", params={"context": "edit"}).json()
    assert page["meta"]["igny8_content_key"] == content.content_key.hex
    assert page["meta"]["rank_math_title"] == page["meta"]["_yoast_wpseo_title"] == content.meta_title
    medium = rest.get(f"/media/{page['featured_media']}", params={"context": "edit"}).json()
    assert (medium["alt_text"], medium["caption"]["raw"]) == ("Ein Glas “kalt”", "12 h 🫘")
    # A database that was restored to before knows neither the post nor the pictures.
    WordPressPost.objects.all().delete()
    WordPressMedium.objects.all().delete()
    assert publish(content, "test:2")["external_id"] == done["external_id"]
    assert len(rest.get("/media").json()) == 2
    WordPressPost.objects.all().delete()
    rest.delete(f"/pages/{done['external_id']}")
    with pytest.raises(TargetFailed, match="trash"):
        publish(content, "test:3")
    assert rest.get("/pages", params={"status": "any"}).json() == []


def test_what_passwords_fail_at_signatures_do_not(bridged, wordpress, monkeypatch):
    pk = SiteIntegration.objects.get().pk
    path = f"/api/v1/integration/{pk}/test_connection/"

    def cause() -> str:
        return bridged.client.post(path).json()["data"]["cause"]

    found = {}
    for fault in ("authorization_stripped", "no_passwords", "guests_refused"):
        with wordpress.fault(fault):
            found[fault] = cause()
    assert set(found.values()) == {""}, found
    wordpress.permalinks("plain")
    try:
        assert cause() == ""
    finally:
        wordpress.permalinks("/%postname%/")
    with monkeypatch.context() as patch:
        patch.setattr("apps.integration.clients.wordpress.api.time.time", lambda: 1_000_000_000)
        assert cause() == "plugin_clock"
    SiteIntegration.objects.update(signing_secret="another")
    assert cause() == "plugin_secret"
    wordpress.plugin(active=False)
    assert cause() == "plugin_missing"


def test_nobody_else_gets_in(wordpress, admin):
    """Neither with a made up signature, nor a subscriber at the routes, nor a stranger at the page."""
    forged = {"X-Igny8-Timestamp": "1", "X-Igny8-Signature": "sha256=" + "0" * 64}
    for headers in ({}, forged):
        for path in (
            "/wp-json/wp/v2/users/me",
            "/wp-json/igny8/v1/status",
            "/wp-json/igny8/v1/posts?content_key=1",
        ):
            assert httpx.get(wordpress.url + path, headers=headers).status_code in (400, 401)
    assert "login" in str(
        httpx.get(f"{wordpress.url}/wp-admin/options-general.php?page=igny8-bridge").headers
    )
    form = {"action": "igny8_bridge", "do": "disconnect"}
    assert admin.http.post("/wp-admin/admin-post.php", data=form).status_code == 403  # no nonce


def test_changes_are_told_signed_in_order_and_until_they_are_taken(wordpress, admin, rest):
    with recorder() as product:
        assert "All is well." in admin.connect(product.url, "ig8_test")
        post = rest.post(
            "/posts", json={"title": "R&D “x”", "status": "publish", "meta": {"igny8_content_key": "ab" * 16}}
        ).json()
        ((_, first),) = product.told
        assert (first["event"], first["status"], first["url"]) == ("post.status", "publish", post["link"])
        assert (first["post_id"], first["content_key"]) == (post["id"], "ab" * 16)
        # Down: what happens meanwhile waits, and comes afterwards, each once and in its order.
        product.answers = [503]
        rest.post(f"/posts/{post['id']}", json={"slug": "moved"})
        rest.post(f"/posts/{post['id']}", json={"meta": {"rank_math_title": "New"}})
        rest.delete(f"/posts/{post['id']}")
        assert [status for status, _ in product.told] == [200, 503]
        assert "Not now." in admin.page()
        admin.press("retry")
        told = [body for status, body in product.told if status == 200]
        assert [body["event"] for body in told] == ["post.status", "post.url", "post.metadata", "post.status"]
        assert told[1]["url"].endswith("/moved/") and told[2]["meta"] == {"rank_math_title": "New"}
        assert told[3]["status"] == "trash"
        assert len({body["event_id"] for body in told}) == 4
        assert product.told[1][1]["event_id"] == told[1]["event_id"]  # the same event, once more
        # What is refused for good is kept as such, and holds up nothing.
        product.answers = [400]
        rest.delete(f"/posts/{post['id']}", params={"force": "true"})
        rest.post("/posts", json={"title": "Next", "status": "draft"})
        assert product.told[-2][1]["status"] == "deleted" and product.told[-2][1]["content_key"] == "ab" * 16
        assert (product.told[-1][0], product.told[-1][1]["status"]) == (200, "draft")
        assert "failed" in admin.page()
        # Nothing is said of what concerns nobody.
        count = len(product.told)
        rest.post("/categories", json={"name": "Quiet"})
        rest.post("/media", files={"file": ("a.txt", b"x", "text/plain")})
        assert len(product.told) == count


def test_the_product_hears_of_what_happens_there(bridged, rest, admin, run_jobs):
    content = ApprovedContentFactory(site=bridged.site, categories=[], tags=[])
    done = publish(content)
    rest.post(f"/posts/{done['external_id']}", json={"status": "draft"})
    (event,) = WebhookEvent.objects.all()
    assert (event.event, event.is_signed, event.post_id) == ("post.status", True, int(done["external_id"]))
    assert event.body["content_key"] == str(content.content_key)
    run_jobs()
    content.refresh_from_db()
    assert (content.status, content.site_status) == ("approved", "not_published")


def test_our_own_changes_are_not_told_back(bridged, wordpress, admin):
    content = ApprovedContentFactory(site=bridged.site, categories=[], tags=[])
    publish(content)
    assert "post.status" not in admin.page()


def test_uninstalling_leaves_nothing(wordpress, admin, rest):
    with recorder() as product:
        admin.connect(product.url, "ig8_test")
        post = rest.post("/posts", json={"title": "x", "meta": {"igny8_content_key": "cd" * 16}}).json()
    assert post["meta"]["igny8_content_key"] == "cd" * 16
    before = wordpress.left_behind()
    assert before["options"] and before["tables"] and before["meta"] == 1
    wordpress.plugin(active=False)
    try:
        rest.delete("/plugins/igny8-bridge/igny8-bridge").raise_for_status()
        assert wordpress.left_behind() == {"options": [], "tables": [], "meta": 0, "cron": 0}
    finally:
        install_plugins()
