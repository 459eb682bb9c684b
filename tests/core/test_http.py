"""core.http against real servers on loopback. Only the DNS is ever played, by `socket.getaddrinfo`."""

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import openai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured

from apps.core import http
from apps.core.http.addresses import allow_list, literal, permitted

PUBLIC = "93.184.216.34"


class Handler(BaseHTTPRequestHandler):
    """Answers what the test put in `server.answers` (path → status, headers, body), else hello."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers), self.client_address))
        status, headers, body = self.server.answers.get(self.path, (200, {}, b"hello"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@contextmanager
def running(tls: ssl.SSLContext | None = None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.seen = {}, []
    server.handle_error = lambda *args: None
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.place = f"127.0.0.1:{server.server_port}"
    server.url = f"http{'s' if tls else ''}://{server.place}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server():
    with running() as server:
        yield server


@contextmanager
def raw(talk):
    """A server that hands each connection, its request read, to `talk`. Gives its host:port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection):
            with connection, suppress(OSError):
                connection.recv(65536)
                talk(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def dns(monkeypatch):
    """A dict name → list of answers, each a list of addresses; the last answer is repeated."""
    answers: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in answers:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (a, port, 0, 0))
            if ":" in a
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return SimpleNamespace(answers=answers, asked=asked)


# --- Which addresses -----------------------------------------------------------------


def test_loopback_is_refused_by_default_and_never_contacted(server, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = []
    with http.client() as client, pytest.raises(http.AddressRefused) as caught:
        client.get(server.url)
    assert caught.value.permanent and caught.value.reason == "address"
    assert f"OUTBOUND_ALLOW_PRIVATE={server.place}" in str(caught.value)
    assert isinstance(caught.value, httpx.ConnectError)
    assert server.seen == []


@pytest.mark.parametrize("entry", ["127.0.0.1:{}", "127.0.0.0/8", "127.0.0.0/8:{}", "localhost:{}"])
def test_the_operator_allows(server, settings, entry):
    settings.OUTBOUND_ALLOW_PRIVATE = [entry.format(server.server_port)]
    host = "localhost" if entry.startswith("localhost") else "127.0.0.1"
    with http.client() as client:
        assert client.get(f"http://{host}:{server.server_port}/").text == "hello"


@pytest.mark.parametrize("entry", ["127.0.0.1:1", "127.0.0.0/8:1", "10.0.0.0/8", "localhost:{}", "other:{}"])
def test_the_operator_allows_only_what_is_listed(server, entry):
    allowed = [entry.format(server.server_port)]
    with http.client(allow_private=allowed) as client, pytest.raises(http.AddressRefused):
        client.get(server.url)


@pytest.mark.parametrize(
    "entry", ["nonsense", "", "host:", "host:0", "host:99999", "10.0.0.0/99", "10.0.0.1/8", ":80"]
)
def test_a_malformed_allow_list_names_the_setting(entry):
    with pytest.raises(ImproperlyConfigured, match="OUTBOUND_ALLOW_PRIVATE"):
        http.client(allow_private=[entry])


PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::",
    "2606:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address):
    with pytest.raises(http.AddressRefused):
        permitted("a.test", 80, [ipaddress.ip_address(address)], allow_list([]))
    url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    with pytest.raises(http.AddressRefused, match="private network"):
        http.check_url(url, allow_private=[])


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_pass(address):
    found = [ipaddress.ip_address(address)]
    assert permitted("a.test", 80, found, allow_list([])) == found
    http.check_url(
        f"http://[{address}]:8080/" if ":" in address else f"http://{address}:8080/", allow_private=[]
    )


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "0",
    ],
)
def test_other_notations_of_ipv4(server, host):
    with pytest.raises(http.AddressRefused):
        http.check_url(f"http://{host}:{server.server_port}/", allow_private=[])
    with http.client(allow_private=[]) as client, pytest.raises(http.AddressRefused):
        client.get(f"http://{host}:{server.server_port}/")
    assert server.seen == []
    # They are what the system's resolver takes them for.
    assert [str(a) for a in literal(host.removesuffix("."))] == [
        socket.getaddrinfo(host.removesuffix("."), 80)[0][4][0]
    ]


@pytest.mark.parametrize(
    "host", ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "a.localhost", "LOCALHOST."]
)
def test_other_names_of_this_machine(server, host):
    with http.client(allow_private=[]) as client, pytest.raises(http.AddressRefused, match="private network"):
        client.get(f"http://{host}:{server.server_port}/")
    with pytest.raises(http.AddressRefused, match="private network"):
        http.check_url(f"http://{host}:{server.server_port}/", allow_private=[])
    assert server.seen == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "http://"),
        ("example.com", "http://"),
        ("//example.com/", "http://"),
        ("ftp://example.com/", "http://"),
        ("file:///etc/passwd", "http://"),
        ("gopher://example.com/", "http://"),
        ("javascript:alert(1)", "http://"),
        (" http://example.com/", "http://"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://user:secret@example.com/", "user name"),
        ("http://user@example.com/", "user name"),
        ("http://1.1.1.1%2f@example.com/", "user name"),
        ("http://example.com:0/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:port/", "not a valid address"),
        ("http://ex ample.com/", "host name"),
        ("http://a..b/", "host name"),
        (f"http://{'a' * 64}.com/", "host name"),
        (f"http://{'a.' * 130}com/", "host name"),
        ("http://exa\x00mple.com/", "not a valid address"),
        ("http://example.com/\r\nX: y", "not a valid address"),
        ("http://１２７.0.0.1/", "not a valid address"),
        ("http://💩.la/", "not a valid address"),
        ("http://\ud800/", "not a valid address"),
        ("http://example.com/" + "a" * 70_000, "not a valid address"),
        ("http://[::1", "not a valid address"),
        (None, "not a valid address"),
        (7, "not a valid address"),
    ],
)
def test_malformed_addresses(url, sentence):
    with pytest.raises(http.AddressRefused, match=sentence):
        http.check_url(url, allow_private=["0.0.0.0/0", "::/0"])


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://Example.COM:8080/a?b=c#d", "https://مثال.إختبار/ä", "http://a_b.test./"],
)
def test_well_formed_addresses_need_no_dns(url, dns):
    http.check_url(url, allow_private=[])
    assert dns.asked == []


def test_check_url_follows_the_allow_list(settings):
    settings.OUTBOUND_ALLOW_PRIVATE = ["10.0.0.0/8", "[fd00::/8]:443", "[::1]:8000", "localhost:3000"]
    for url in ("http://10.1.2.3/", "https://[fd00::1]/", "http://[::1]:8000/", "http://localhost:3000/"):
        http.check_url(url)
    for url in ("http://11.0.0.1@x/", "http://[fd00::1]/", "http://[::1]:8001/", "http://127.0.0.1:3000/"):
        with pytest.raises(http.AddressRefused):
            http.check_url(url)


# --- Names ---------------------------------------------------------------------------


def test_a_name_that_leads_inside_is_refused(server, dns):
    dns.answers["shop.test"] = [["127.0.0.1"]]
    with http.client(allow_private=[]) as client, pytest.raises(http.AddressRefused, match=r"shop\.test"):
        client.get(f"http://shop.test:{server.server_port}/")
    assert server.seen == []


def test_the_checked_address_is_the_one_connected_to(server, dns):
    """A name that answers with an allowed address first and another loopback address next is asked once."""
    dns.answers["rebind.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    with http.client(allow_private=[server.place]) as client:
        assert client.get(f"http://rebind.test:{server.server_port}/").text == "hello"
    assert dns.asked == ["rebind.test"]
    assert server.seen[0][1]["Host"] == f"rebind.test:{server.server_port}"


def test_rebinding_from_public_to_private_reaches_nothing_inside(server, dns):
    """First a public address, then loopback: the second answer must never be used for the first check."""
    dns.answers["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    with http.client(allow_private=[], timeout=0.5) as client:
        with pytest.raises((http.CannotConnect, http.TimedOut)):
            client.get(f"http://rebind.test:{server.server_port}/")
        assert dns.asked == ["rebind.test"]
        with pytest.raises(http.AddressRefused):
            client.get(f"http://rebind.test:{server.server_port}/")
    assert server.seen == []


def test_even_a_resolver_that_lies_about_literals_is_caught(server, monkeypatch):
    real = socket.getaddrinfo
    found = iter([PUBLIC])

    def getaddrinfo(host, port, *args, **kwargs):
        return real(next(found, "127.0.0.1"), port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with http.client(allow_private=[]) as client, pytest.raises(http.AddressRefused, match=r"127\.0\.0\.1"):
        client.get(f"http://rebind.test:{server.server_port}/")
    assert server.seen == []


def test_of_a_mixed_answer_only_the_permitted_addresses_are_tried(server, dns):
    dns.answers["mixed.test"] = [["127.0.0.2", "::1", "127.0.0.1"]]
    with http.client(allow_private=[server.place]) as client:
        assert client.get(f"http://mixed.test:{server.server_port}/").text == "hello"


def test_the_next_address_is_tried_when_the_first_is_dead(server, dns):
    dns.answers["two.test"] = [["127.0.0.2", "127.0.0.1"]]
    with http.client(allow_private=["127.0.0.0/8"]) as client:
        assert client.get(f"http://two.test:{server.server_port}/").text == "hello"


def test_an_unknown_name(monkeypatch):
    codes = iter([socket.EAI_NONAME, socket.EAI_AGAIN])

    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(next(codes), "no")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    for permanent in (True, False):
        with http.client() as client, pytest.raises(http.CannotConnect, match="spelling") as caught:
            client.get("http://nowhere.test/")
        assert (caught.value.reason, caught.value.permanent) == ("dns", permanent)


def test_a_dns_that_hangs_counts_into_the_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(5))
    start = time.monotonic()
    with http.client(timeout=0.3) as client, pytest.raises(http.TimedOut):
        client.get("http://slow.test/")
    assert time.monotonic() - start < 2


# --- Redirects -----------------------------------------------------------------------


def test_redirects_are_not_followed_unless_asked(server):
    server.answers["/a"] = (302, {"Location": "/b"}, b"")
    with http.client(allow_private=[server.place]) as client:
        assert client.get(server.url + "/a").status_code == 302
        assert client.get(server.url + "/a", follow_redirects=True).text == "hello"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "http://localhost:{other}/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
    ],
)
def test_a_redirect_into_a_private_network_is_refused(server, location):
    with running() as inside:
        location = location.format(port=server.server_port, other=inside.server_port)
        server.answers["/"] = (302, {"Location": location}, b"")
        with (
            http.client(allow_private=[server.place], follow_redirects=True) as client,
            pytest.raises(http.AddressRefused, match="private network"),
        ):
            client.get(server.url)
        assert inside.seen == []


@pytest.mark.parametrize(
    "location", ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "http://u:p@127.0.0.1/"]
)
def test_a_redirect_to_another_scheme_or_with_a_user_is_refused(server, location):
    server.answers["/"] = (302, {"Location": location}, b"")
    with (
        http.client(allow_private=[server.place], follow_redirects=True) as client,
        pytest.raises(http.AddressRefused),
    ):
        client.get(server.url)


def test_at_most_five_redirects(server):
    for n in range(7):
        server.answers[f"/{n}"] = (302, {"Location": f"/{n + 1}"}, b"")
    with http.client(allow_private=[server.place], follow_redirects=True) as client:
        assert client.get(server.url + "/2").text == "hello"
        with pytest.raises(http.BadAnswer, match="more than 5") as caught:
            client.get(server.url + "/1")
    assert caught.value.permanent


def test_a_redirect_to_nonsense(server):
    server.answers["/"] = (302, {"Location": "http://127.0.0.1:port/"}, b"")
    with (
        http.client(allow_private=[server.place]) as client,
        pytest.raises(http.BadAnswer, match="redirects"),
    ):
        client.get(server.url)


def test_proxies_of_the_environment_are_ignored(server, monkeypatch):
    with running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with http.client(allow_private=[server.place]) as client:
            assert client.get(server.url).text == "hello"
        assert proxy.seen == []


# --- Size ----------------------------------------------------------------------------


def test_a_body_of_exactly_the_limit_passes(server):
    server.answers["/"] = (200, {}, b"x" * 1000)
    with http.client(allow_private=[server.place], max_bytes=1000) as client:
        assert len(client.get(server.url).content) == 1000


def test_a_content_length_over_the_limit_is_refused_at_once():
    def talk(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        time.sleep(5)

    start = time.monotonic()
    with raw(talk) as place, http.client(allow_private=[place]) as client:
        with pytest.raises(http.ResponseTooLarge, match="10,485,760 bytes") as caught:
            client.get(f"http://{place}/")
    assert caught.value.permanent and time.monotonic() - start < 2


def test_head_of_something_large_is_no_body(server):
    server.answers["/"] = (200, {"Content-Length": "999999999"}, b"")
    with http.client(allow_private=[server.place]) as client:
        assert client.head(server.url).headers["Content-Length"] == "999999999"


def test_an_endless_chunked_body_is_cut():
    sent = 0

    def talk(connection):
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent += 4096

    with raw(talk) as place, http.client(allow_private=[place], max_bytes=100_000) as client:
        with pytest.raises(http.ResponseTooLarge):
            client.get(f"http://{place}/")
        with pytest.raises(http.ResponseTooLarge), client.stream("GET", f"http://{place}/") as response:
            for _ in response.iter_bytes():
                pass
    assert sent < 50_000_000


def test_a_chunked_body(server):
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    server.answers["/"] = (200, {"Transfer-Encoding": "chunked", "Content-Length": None}, body)
    with http.client(allow_private=[server.place]) as client:
        assert client.get(server.url).text == "hello world"


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", lambda d: gzip.compress(d[:1000]) + gzip.compress(d[1000:])),
        ("gzip", lambda d: gzip.compress(d) + b"\0\0trailing"),
        ("deflate", zlib.compress),
        ("deflate", _deflated),
        ("identity", bytes),
    ],
)
def test_packed_bodies(server, encoding, pack):
    body = ("héllo " * 200_000).encode()
    server.answers["/"] = (
        200,
        {"Content-Encoding": encoding, "Content-Type": "text/plain; charset=utf-8"},
        pack(body),
    )
    with http.client(allow_private=[server.place]) as client:
        assert client.get(server.url).content == body
    assert server.seen[0][1]["Accept-Encoding"] == "gzip, deflate"


def test_a_zip_bomb_is_cut(server):
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(200)) + packer.flush()
    assert len(bomb) < 250_000
    server.answers["/"] = (200, {"Content-Encoding": "gzip"}, bomb)
    with http.client(allow_private=[server.place], max_bytes=1024 * 1024) as client:
        client.get(server.url + "/other")
        tracemalloc.start()
        with pytest.raises(http.ResponseTooLarge):
            client.get(server.url)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("body", [gzip.compress(b"x" * 5000)[:-20], b"not gzip at all"])
def test_a_damaged_packed_body(server, body):
    server.answers["/"] = (200, {"Content-Encoding": "gzip"}, body)
    with (
        http.client(allow_private=[server.place]) as client,
        pytest.raises(http.BadAnswer, match="compressed"),
    ):
        client.get(server.url)


def test_an_empty_packed_body(server):
    server.answers["/"] = (200, {"Content-Encoding": "gzip"}, b"")
    with http.client(allow_private=[server.place]) as client:
        assert client.get(server.url).content == b""
        assert client.head(server.url).status_code == 200


def test_an_encoding_nobody_asked_for(server):
    server.answers["/"] = (200, {"Content-Encoding": "br"}, b"...")
    with http.client(allow_private=[server.place]) as client, pytest.raises(http.BadAnswer, match='"br"'):
        client.get(server.url)


# --- Time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
    ids=["nothing", "headers", "body"],
)
def test_a_server_that_drips_ends_after_the_total_time(beginning):
    def talk(connection):
        connection.sendall(beginning)
        while beginning:
            connection.sendall(b"x")
            time.sleep(0.1)
        time.sleep(5)

    start = time.monotonic()
    with raw(talk) as place, http.client(allow_private=[place], timeout=0.6) as client:
        with pytest.raises(http.TimedOut) as caught:
            client.get(f"http://{place}/", timeout=30)
    assert 0.5 < time.monotonic() - start < 2
    assert not caught.value.permanent and isinstance(caught.value, httpx.TimeoutException)


def test_a_request_may_shorten_a_step(server):
    with raw(lambda connection: time.sleep(5)) as place, http.client(allow_private=[place]) as client:
        start = time.monotonic()
        with pytest.raises(http.TimedOut):
            client.get(f"http://{place}/", timeout=0.2)
    assert time.monotonic() - start < 2


def test_redirects_share_the_time():
    def talk(connection):
        time.sleep(0.3)
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    start = time.monotonic()
    with raw(talk) as place, http.client(allow_private=[place], timeout=0.5, follow_redirects=True) as client:
        with pytest.raises(http.TimedOut):
            client.get(f"http://{place}/")
    assert time.monotonic() - start < 1


def test_a_server_that_does_not_read_an_upload():
    def talk(connection):
        time.sleep(5)

    start = time.monotonic()
    with raw(talk) as place, http.client(allow_private=[place], timeout=0.5) as client:
        with pytest.raises(http.TimedOut):
            client.post(f"http://{place}/", content=bytes(50_000_000))
    assert time.monotonic() - start < 2


# --- Broken servers ------------------------------------------------------------------


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    with http.client(allow_private=[place]) as client, pytest.raises(http.CannotConnect) as caught:
        client.get(f"http://{place}/")
    assert (caught.value.reason, caught.value.permanent) == ("refused", False)


def test_a_reset():
    def talk(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with (
        raw(talk) as place,
        http.client(allow_private=[place]) as client,
        pytest.raises(http.CannotConnect) as caught,
    ):
        client.get(f"http://{place}/")
    assert (caught.value.reason, caught.value.permanent) == ("reset", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=["empty", "smtp", "truncated", "truncated-chunk", "negative", "two-lengths", "huge-header"],
)
def test_an_answer_that_is_cut_or_no_http(answer):
    with (
        raw(lambda connection: connection.sendall(answer)) as place,
        http.client(allow_private=[place]) as client,
        pytest.raises(http.OutboundError) as caught,
    ):
        client.get(f"http://{place}/")
    assert isinstance(caught.value, (http.BadAnswer, http.CannotConnect)) and not caught.value.permanent


def test_a_header_that_cannot_be_written(server):
    with http.client(allow_private=[server.place]) as client, pytest.raises(http.OutboundError) as caught:
        client.get(server.url, headers={"X-Name": "a\r\nb"})
    assert (caught.value.reason, caught.value.permanent) == ("request", True)


def test_connections_are_kept_and_a_closed_client_is_closed(server):
    with http.client(allow_private=[server.place], headers={"X-Mine": "1"}, base_url=server.url) as client:
        client.get("/a")
        client.get("/b")
    assert server.seen[0][2] == server.seen[1][2]
    assert server.seen[0][1]["X-Mine"] == "1" and server.seen[0][1]["User-Agent"] == "Igny8"


# --- TLS -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for shop.test: the path of its PEM, key included."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(path)


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(context) as server:
        yield server


def test_a_self_signed_certificate_is_not_trusted(secure):
    with http.client(allow_private=[secure.place]) as client, pytest.raises(http.CannotConnect) as caught:
        client.get(secure.url)
    assert (caught.value.reason, caught.value.permanent) == ("tls", True)
    assert secure.seen == []


def test_the_name_is_verified_though_the_address_is_connected_to(secure, dns, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    dns.answers["shop.test"] = dns.answers["other.test"] = [["127.0.0.1"]]
    with http.client(allow_private=[secure.place]) as client:
        assert client.get(f"https://shop.test:{secure.server_port}/").text == "hello"
        assert client.get(f"https://Shop.test.:{secure.server_port}/").text == "hello"
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(http.CannotConnect, match="certificate") as caught:
                client.get(f"https://{host}:{secure.server_port}/")
            assert caught.value.reason == "tls"


def test_https_asked_of_a_plain_server(server):
    with http.client(allow_private=[server.place]) as client, pytest.raises(http.CannotConnect) as caught:
        client.get(server.url.replace("http:", "https:"))
    assert caught.value.reason == "tls"


# --- Handed to an SDK ----------------------------------------------------------------


def _ask(place, http_client):
    sdk = openai.OpenAI(api_key="k", base_url=f"http://{place}/v1", http_client=http_client, max_retries=0)
    return sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])


def test_the_openai_sdk_works_with_the_client(server):
    body = b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    body += b'"finish_reason":"stop","message":{"role":"assistant","content":"yes"}}]}'
    server.answers["/v1/chat/completions"] = (
        200,
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        gzip.compress(body),
    )
    with http.client(allow_private=[server.place]) as client:
        assert _ask(server.place, client).choices[0].message.content == "yes"


def test_the_openai_sdk_knows_the_errors(server):
    with http.client(allow_private=[]) as client, pytest.raises(openai.APIConnectionError) as caught:
        _ask(server.place, client)
    assert isinstance(caught.value.__cause__, http.AddressRefused)
    with (
        raw(lambda connection: time.sleep(5)) as place,
        http.client(allow_private=[place], timeout=0.3) as client,
    ):
        with pytest.raises(openai.APITimeoutError) as caught:
            _ask(place, client)
    assert isinstance(caught.value.__cause__, http.TimedOut)
