"""A real WordPress, set up wrongly in one way after the other: each is named by its cause, with what to do."""

import datetime
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.integration.clients.wordpress import WordPress, diagnose, diagnose_collection
from apps.integration.clients.wordpress.errors import ADVICE
from tests.e2e_real.faulty import faulty_proxy


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]


def looked_at(wordpress, url="", role="administrator", **changed):
    user = wordpress.users[role]
    given = {"username": user["login"], "password": user["application_password"], **changed}
    return diagnose(url=url or wordpress.url, **given)


def test_what_others_break(wordpress):
    """By hosts, security plug-ins, firewalls, themes: the fault, and the cause that must be named."""
    expected = {
        "authorization_stripped": "auth_stripped",
        "rest_off": "rest_blocked",
        "rest_removed": "html",  # the front page answers
        "no_passwords": "app_passwords_off",
        "php_notice": "php_notice",
        "php_notice_plain": "php_notice",
        "fatal": "server_error",
        "login_page": "rest_blocked",
        "other_host": "redirect",
        "challenge": "challenge",
        "firewall": "firewall",
        "server_password": "server_password",
        "another_page": "html",
        "truncated": "cut",
        # What looks broken and works all the same.
        "guests_refused": "",
        "other_prefix": "",
        "byte_order_mark": "",
    }
    found = {}
    for fault in expected:
        with wordpress.fault(fault):
            found[fault] = looked_at(wordpress)
    assert {fault: f.cause for fault, f in found.items()} == expected, {
        f: d.message for f, d in found.items()
    }
    for fault, diagnosis in found.items():
        assert diagnosis.connected == (expected[fault] == "")
        if not diagnosis.connected:
            assert ADVICE[diagnosis.cause] and diagnosis.message.endswith(ADVICE[diagnosis.cause])
            assert "<" not in diagnosis.message.removesuffix(ADVICE[diagnosis.cause])
    assert "$colour" in found["php_notice"].message and "$colour" in found["php_notice_plain"].message
    assert "www.example.org" in found["other_host"].message


def test_a_slow_site(wordpress):
    with wordpress.fault("slow"):
        found = diagnose(url=wordpress.url, username="a", password="b", timeout=1.0)
    assert (found.connected, found.cause) == (False, "timeout")


def test_logins(wordpress):
    """Wrong ones, told from a server that strips the header; and who may not write."""
    causes = {
        "wrong password": looked_at(wordpress, password="aaaa bbbb cccc dddd eeee ffff").cause,
        "wrong user": looked_at(wordpress, username="nobody").cause,
        "name of the password": looked_at(wordpress, username="tests").cause,
        "hostile": looked_at(wordpress, username="<b>&amp;\u202e", password="</string>]]>").cause,
        "may not publish": looked_at(wordpress, role="contributor").cause,
        "without spaces": looked_at(
            wordpress,
            password=wordpress.users["author"]["application_password"].replace(" ", ""),
            role="author",
        ).cause,
    }
    assert causes == {
        "wrong password": "credentials",
        "wrong user": "credentials",
        "name of the password": "credentials",
        "hostile": "credentials",
        "may not publish": "capability",
        "without spaces": "",
    }


def test_maintenance_and_plain_permalinks(wordpress):
    file = Path(wordpress.folder) / ".maintenance"
    file.write_text("<?php $upgrading = time();")
    try:
        found = looked_at(wordpress)
    finally:
        file.unlink()
    assert found.cause == "maintenance"
    wordpress.permalinks("plain")
    try:
        found = looked_at(wordpress)
        assert found.connected and found.rest_root.endswith("/index.php?rest_route="), found
    finally:
        wordpress.permalinks("/%postname%/")


def test_a_certificate_that_nobody_trusts(tmp_path):
    with _tls_server(tmp_path) as port:
        found = diagnose(url=f"https://localhost:{port}", username="a", password="b")
    assert (found.connected, found.cause) == (False, "tls"), found
    assert "certificate" in found.message


def test_a_proxy_that_answers_with_nothing_whole(wordpress):
    with faulty_proxy(wordpress.url) as proxy:
        proxy.plan["GET", 1] = "lost"
        assert looked_at(wordpress, proxy.url).cause == "unreachable"
        proxy.plan["GET", 2] = "busy"
        assert looked_at(wordpress, proxy.url).cause == "rate_limited"
        proxy.plan["GET", 3] = "down"
        assert looked_at(wordpress, proxy.url).cause == "maintenance"


def test_collections(alice, wordpress):
    """What may be done with a post type is told without making anything."""
    wordpress.more_types(True)
    path = _connected(alice, wordpress, "administrator")
    before = _everything(wordpress)

    def told(**asked):
        return alice.client.post(f"{path}test_collection_connection/", asked).json()["data"]

    posts = told()
    assert posts["connected"] and posts["missing"] == [], posts
    assert [c["name"] for c in posts["checks"]] == [
        "post", "read /wp/v2/posts", "create", "edit", "publish", "write", "read /wp/v2/categories",
        "create category", "assign category", "read /wp/v2/tags", "create post_tag", "assign post_tag",
    ]  # fmt: skip
    assert told(post_type="event")["connected"] and told(taxonomy="genre")["connected"]
    assert [told(post_type=name)["cause"] for name in ("hidden", "nothing")] == ["type_missing"] * 2
    with wordpress.fault("firewall_post"):
        assert told(post_type="event")["cause"] == "firewall"
    assert (
        alice.client.post(f"{path}test_collection_connection/", {"post_type": "../users"}).status_code == 400
    )
    _connected(alice, wordpress, "author")
    pages = told(post_type="page")
    assert pages["cause"] == "capability" and "Editor" in pages["message"], pages
    mine = told(post_type="post")
    assert mine["connected"] and mine["missing"] == ["create category"], mine
    assert told(taxonomy="category")["cause"] == "capability"
    assert _everything(wordpress) == before


def _connected(alice, wordpress, role) -> str:
    user = wordpress.users[role]
    body = {
        "base_url": wordpress.url,
        "username": user["login"],
        "app_password": user["application_password"],
    }
    rows = alice.client.get("/api/v1/integration/").json()["results"]
    if rows:
        answer = alice.client.patch(f"/api/v1/integration/{rows[0]['id']}/", body)
    else:
        answer = alice.client.post("/api/v1/integration/", {"site": alice.site.pk, **body})
    assert answer.status_code in (200, 201), answer.content
    return f"/api/v1/integration/{answer.json()['data']['id']}/"


test_collections = pytest.mark.django_db(test_collections)


def _everything(wordpress) -> list:
    with wordpress.api() as api:
        return [
            api.get(
                f"/{kind}", params={"status": "any,trash"} if kind in ("posts", "pages", "events") else {}
            ).json()
            for kind in ("posts", "pages", "events", "categories", "genres", "tags")
        ]


def test_the_client_and_a_diagnosis_leave_no_password_in_what_they_say(wordpress):
    password = wordpress.users["administrator"]["application_password"]
    with WordPress(url=wordpress.url, username="administrator", password=password) as site:
        found = diagnose_collection(site, post_type="post")
    assert password not in repr(found)


class _Nothing(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass


class _tls_server:
    """A server whose certificate is its own."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "server.pem"
        file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Nothing)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self) -> int:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_port

    def __exit__(self, *exc) -> None:
        self.server.shutdown()
