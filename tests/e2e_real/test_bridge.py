"""The companion plugin in a real WordPress: connecting, signed requests, keys, webhooks, and its end."""

import json
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from apps.accounts.services.keys import api_key_create
from apps.integration.clients.wordpress.api import sign
from apps.integration.clients.wordpress.errors import error_of_answer
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
        "1.2.0",
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


def test_a_signed_request_is_good_once_and_for_its_site_alone(bridged, wordpress):
    """What who reads the traffic may send once more, as it was, and to a copy of the site."""
    secret = SiteIntegration.objects.get().signing_secret
    address = f"{wordpress.url}/wp-json/wp/v2/posts"
    with httpx.Client(trust_env=False) as http:

        def made(method="POST", url=address, **body) -> httpx.Request:
            request = http.build_request(method, url, **body)
            sign(request, secret)
            return request

        first = made(json={"title": "Once", "status": "draft"})
        assert http.send(first).status_code == 201
        again = http.send(first)
        assert (again.status_code, again.json()["code"]) == (401, "igny8_repeated")
        error = error_of_answer(again)
        # It may have been done, and another one will say.
        assert (error.cause, error.permanent, error.maybe_done) == ("plugin_repeated", False, True)
        for change in ("X-Igny8-Nonce", "X-Igny8-Timestamp"):
            request = made("GET")
            request.headers[change] = "1" * 32
            assert http.send(request).json()["code"] == "igny8_signature"
        other = made("GET")
        other.url = other.url.copy_with(path="/wp-json/wp/v2/pages")
        assert http.send(other).json()["code"] == "igny8_signature"
        # Made for another site with the same secret, and sent here under its name.
        host = "copy.example.org"
        copy = http.build_request("GET", address.replace(wordpress.address, host))
        sign(copy, secret)
        copy.url = httpx.URL(address)
        assert http.send(copy).json()["code"] == "igny8_host"
        with ThreadPoolExecutor(4) as threads:
            same = made(json={"title": "Twice at once", "status": "draft"})
            tries = [
                threads.submit(httpx.post, address, content=same.content, headers=same.headers)
                for _ in range(4)
            ]
        assert sorted(t.result().status_code for t in tries) == [201, 401, 401, 401]


def test_the_first_plugin_is_asked_to_be_updated_and_takes_its_events_along(wordpress, admin, bridged):
    """What 1.0.0 answers to our signatures; and its table without the others, as an update finds it."""
    pk = SiteIntegration.objects.get().pk
    with wordpress.fault("first_plugin"):
        found = bridged.client.post(f"/api/v1/integration/{pk}/test_connection/").json()["data"]
    assert (found["connected"], found["cause"]) == (False, "plugin_old")
    assert "Update Igny8 Bridge" in found["message"]
    assert "Update Igny8 Bridge" in SiteIntegration.objects.get().last_error
    wordpress.left_behind(forget=True)
    found = bridged.client.post(f"/api/v1/integration/{pk}/test_connection/").json()["data"]
    assert (found["connected"], found["plugin_version"]) == (True, "1.2.0"), found
    assert len(wordpress.left_behind()["tables"]) == 2


def test_nobody_else_gets_in(wordpress, admin):
    """Neither with a made up signature, nor a subscriber at the routes, nor a stranger at the page."""
    forged = {"X-Igny8-Timestamp": "1", "X-Igny8-Nonce": "0" * 32, "X-Igny8-Signature": "v2=" + "0" * 64}
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
        assert "refused" in admin.page()
        # Nothing is said of what concerns nobody.
        count = len(product.told)
        rest.post("/categories", json={"name": "Quiet"})
        rest.post("/media", files={"file": ("a.txt", b"x", "text/plain")})
        assert len(product.told) == count


def test_what_others_answer_in_our_place_loses_no_event(wordpress, admin, rest):
    """Proxies, firewalls and other sites: only we say that an event is here, or that it never will be."""
    ours_alike = json.dumps({"success": False, "error": "Blocked.", "code": "waf_12"})
    others = [
        (404, "<html><h1>404 Not Found</h1>nginx</html>"),
        (404, json.dumps({"code": "rest_no_route", "message": "No route was found."})),
        (400, json.dumps({"success": False, "error": "Bad request"})),
        (413, ours_alike),
        (409, json.dumps([])),
        (200, "<html>Welcome</html>"),
        (200, json.dumps({"status": "ok"})),
        (200, json.dumps({"success": True, "data": {"event_id": "another"}})),
        (401, "<html>Authorization Required</html>"),
    ]
    with recorder() as product:
        admin.press("disconnect")  # with what other tests left
        admin.connect(product.url, "ig8_test")
        product.answers = list(others)
        rest.post("/posts", json={"title": "Kept", "status": "publish"})
        for _ in others:
            page = admin.press("retry")
        events = [body["event_id"] for _, body in product.told]
        assert len(events) == len(others) + 1 and len(set(events)) == 1
        assert product.told[-1][0] == 200 and "given up" not in page
        # With a bound, and told on the pages that administrators see; a person may try again.
        product.answers = [others[0]] * 20
        rest.post("/posts", json={"title": "Late", "status": "publish"})
        row = wordpress.left_behind(try_all=True)["events"][-1]
        assert (row["state"], row["attempts"]) == ("failed", "14")
        assert row["waits"] == sorted(row["waits"]) and len(row["waits"]) == 12
        assert "a proxy, a firewall" in row["error"]
        for place in (admin.page(), admin.http.get("/wp-admin/index.php").text):
            assert "1 were given up" in place and "(404)" in place
        product.answers = []
        assert "given up" not in admin.press("retry")
        assert product.told[-1][0] == 200


def test_all_in_one_seo_has_a_table_of_its_own(bridged, wordpress, rest):
    """By a stand-in for its model and its table, as the plug-in itself is not to be had here."""
    content = ApprovedContentFactory(
        site=bridged.site, meta_title="Ours “1”", meta_description="Said & done", primary_keyword="cold brew",
        categories=[], tags=[],
    )  # fmt: skip
    first = publish(content)  # without it: the meta keys
    post = f"/posts/{first['external_id']}"
    assert first["fields"]["meta_title"] == "kept" and wordpress.aioseo(post) is None
    wordpress.aioseo_here(True)
    try:
        content.meta_title = "Ours “2”"
        content.save()
        done = publish(content, "test:2")
        assert (done["fields"]["meta_title"], wordpress.aioseo(post)["title"]) == ("kept", "Ours “2”")
        # A person's words in its editor, which WordPress's meta keys know nothing of.
        wordpress.aioseo(
            post,
            title="Hers",
            keyphrases={"focus": {"keyphrase": "iced"}, "additional": [{"keyphrase": "b"}]},
        )
        meta = rest.get(post, params={"context": "edit"}).json()["meta"]
        assert (meta["_aioseo_title"], meta["_aioseo_keywords"]) == ("Hers", "iced")
        rest.post(post, json={"meta": {"_aioseo_keywords": "cold brew at home", "_aioseo_title": "Ours “2”"}})
        row = wordpress.aioseo(post)
        assert row["title"] == "Ours “2”"  # although the copy in the meta key was this already
        assert row["keyphrases"]["focus"]["keyphrase"] == "cold brew at home"
        assert row["keyphrases"]["additional"] == [{"keyphrase": "b"}]
        other = ApprovedContentFactory(
            site=bridged.site, meta_title="New one", primary_keyword="水 & tea", content_type="page"
        )
        done = publish(other, "test:3")
        names = ("meta_title", "meta_description", "primary_keyword")
        assert {done["fields"][n] for n in names} == {"kept"}, done["fields"]
        row = wordpress.aioseo(f"/pages/{done['external_id']}")
        assert (row["title"], row["description"]) == ("New one", other.meta_description)
        assert row["keyphrases"]["focus"]["keyphrase"] == "水 & tea"
    finally:
        wordpress.aioseo_here(False)


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
