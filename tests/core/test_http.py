"""What core.http does with an answer: size, time, broken servers, TLS, and an SDK on top."""

import datetime
import gzip
import socket
import ssl
import time
import tracemalloc
import zlib

import httpx
import openai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.core import http
from tests.core.servers import raw, running

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
    with (
        raw(talk) as place,
        http.client(allow_private=[place]) as client,
        pytest.raises(http.ResponseTooLarge, match="10,485,760 bytes") as caught,
    ):
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

    with (
        raw(talk) as place,
        http.client(allow_private=[place], max_bytes=100_000) as client,
        pytest.raises(http.ResponseTooLarge),
    ):
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


@pytest.mark.parametrize("body", [gzip.compress(b"x" * 5000)[:-20], b"not gzip at all"], ids=["cut", "plain"])
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
    with (
        raw(talk) as place,
        http.client(allow_private=[place], timeout=0.6) as client,
        pytest.raises(http.TimedOut) as caught,
    ):
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
    with (
        raw(talk) as place,
        http.client(allow_private=[place], timeout=0.5, follow_redirects=True) as client,
        pytest.raises(http.TimedOut),
    ):
        client.get(f"http://{place}/")
    assert time.monotonic() - start < 1


def test_a_server_that_does_not_read_an_upload():
    def talk(connection):
        time.sleep(5)

    start = time.monotonic()
    with (
        raw(talk) as place,
        http.client(allow_private=[place], timeout=0.5) as client,
        pytest.raises(http.TimedOut),
    ):
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
        pytest.raises(openai.APITimeoutError) as caught,
    ):
        _ask(place, client)
    assert isinstance(caught.value.__cause__, http.TimedOut)
