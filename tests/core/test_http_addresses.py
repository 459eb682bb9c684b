"""Which addresses core.http reaches: by number, by name, by redirect."""

import ipaddress
import socket
import time

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.core import http
from apps.core.http.addresses import allow_list, literal, permitted
from tests.core.servers import running

PUBLIC = "93.184.216.34"


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


PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
    198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1
    ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1
    2001::1 2001:db8::1 2002:7f00:1:: 2002:a00:1:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1
    fec0::1 ff02::1
""".split()
OPEN = """
    1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
    2002:808:808:: 2606:4700::1111 2a00:1450:4001::1
""".split()


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
    with (
        http.client(allow_private=[], timeout=0.5) as client,
        pytest.raises((http.CannotConnect, http.TimedOut)),
    ):
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
