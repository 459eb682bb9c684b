"""What every answer carries and how every error looks."""

import pytest

from apps.core.models import RateCounter

pytestmark = pytest.mark.django_db
SITES = "/api/v1/auth/sites/"


def test_unknown_path_has_the_error_form_and_the_headers(anonymous):
    answer = anonymous.get("/api/v1/no/such/route/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND" and answer.json()["success"] is False
    for header in ("X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert header in answer.headers


def test_request_id_is_taken_over_when_sane(alice):
    assert alice.client.get(SITES, HTTP_X_REQUEST_ID="abc-12345678").headers["X-Request-ID"] == "abc-12345678"
    for odd in ("short", "x" * 65, "with space here", "line\nbreak"):
        assert alice.client.get(SITES, HTTP_X_REQUEST_ID=odd).headers["X-Request-ID"] != odd


def test_rate_limit_counts_down_and_refuses_with_retry_after(alice, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "general": 3}
    left = [alice.client.get(SITES).headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    answer = alice.client.get(SITES)
    assert answer.status_code == 429 and answer.json()["code"] == "RATE_LIMITED"
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert RateCounter.objects.get(key=f"general:account:{alice.account.pk}").hits == 4


def test_scopes_count_apart(alice, anonymous, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "auth": 1}
    body = {"email": "nobody@example.com", "password": "x"}
    assert anonymous.post("/api/v1/auth/login/", body).status_code == 401
    assert anonymous.post("/api/v1/auth/login/", body).status_code == 429
    assert alice.client.get(SITES).status_code == 200


def test_guessing_tokens_is_counted_by_address(anonymous, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "general": 2}
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer nonsense")
    assert [anonymous.get(SITES).status_code for _ in range(4)] == [401, 401, 429, 429]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name": "\\ud800", "domain": "a.example"}', 400),
        (b'{"name": "a\\u0000b", "domain": "a.example"}', 400),
        (b'{"name": NaN}', 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b"", 400),
    ],
)
def test_bodies_that_are_no_json_of_ours(alice, body, status):
    answer = alice.client.generic("POST", SITES, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert answer.json()["code"] == "VALIDATION_ERROR"


def test_other_media_types_and_methods(alice):
    assert alice.client.generic("POST", SITES, b"a=b", content_type="text/plain").json()["code"] == (
        "UNSUPPORTED_MEDIA_TYPE"
    )
    assert alice.client.patch(SITES, {}).json()["code"] == "METHOD_NOT_ALLOWED"


def test_huge_bodies_are_refused_before_they_are_read(alice, settings):
    settings.MAX_BODY_BYTES = 1000
    answer = alice.client.post(SITES, {"name": "x" * 2000, "domain": "a.example"})
    assert answer.status_code == 413 and answer.json()["code"] == "PAYLOAD_TOO_LARGE"


def test_null_characters_in_the_address(alice):
    assert alice.client.get(SITES + "?search=a%00b").status_code == 400
    assert alice.client.get(SITES + "?domain=%00").status_code == 400


def test_lists_have_one_form_and_pages_end_in_404(alice):
    body = alice.client.get(SITES).json()
    assert set(body) == {"count", "next", "previous", "results"} and body["count"] == 1
    for page in ("2", "0", "-1", "x", "99999999999999999999"):
        answer = alice.client.get(SITES, {"page": page})
        assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND"
    assert alice.client.get(SITES, {"page_size": 100000}).status_code == 200


def test_unknown_ordering_lists_the_known_ones(alice):
    answer = alice.client.get(SITES, {"ordering": "password"})
    assert answer.status_code == 400 and "name" in answer.json()["error"]


def test_ids_out_of_any_range_are_404(alice):
    for odd in ("0", "99999999999999999999999", "-1", "1.5", "null"):
        assert alice.client.get(f"{SITES}{odd}/").status_code == 404


def test_csrf_is_needed_with_a_browser_session(alice):
    from rest_framework.test import APIClient

    from tests.factories.accounts import PASSWORD

    client = APIClient(enforce_csrf_checks=True)
    client.post("/api/v1/auth/login/", {"email": alice.user.email, "password": PASSWORD})
    assert client.get(SITES).status_code == 200
    answer = client.post(SITES, {"name": "x", "domain": "x.example"})
    assert answer.status_code == 403 and answer.json()["code"] == "PERMISSION_DENIED"


def test_a_crash_names_the_request_and_nothing_else(alice, monkeypatch):
    from apps.accounts.views.catalogue import SiteViewSet

    monkeypatch.setattr(SiteViewSet, "list", lambda *a, **k: 1 / 0)
    alice.client.raise_request_exception = False
    answer = alice.client.get(SITES, HTTP_X_REQUEST_ID="crash-id-0001")
    assert answer.status_code == 500
    assert answer.json()["code"] == "INTERNAL_ERROR" and "crash-id-0001" in answer.json()["error"]
    assert "division" not in answer.content.decode()


def test_schema_and_docs_are_served(anonymous):
    assert anonymous.get("/api/schema/").status_code == 200
    assert b"swagger" in anonymous.get("/api/docs/").content
    assert anonymous.get("/api/redoc/").status_code == 200


def test_deep_nesting_is_refused_and_breaks_nothing(alice):
    for body in (b"[" * 1000 + b'"\\u0000"' + b"]" * 1000, b"[" * 100_000):
        answer = alice.client.generic("POST", SITES, body, content_type="application/json")
        assert answer.status_code == 400
    answer = alice.client.post(SITES, {"name": "a\x00b", "domain": "a.example"})
    assert answer.json()["details"] == {"name": ["Null characters are not allowed."]}


def test_a_missing_slash_is_told_not_redirected(alice, anonymous):
    for answer in (alice.client.get(SITES[:-1]), anonymous.post("/api/v1/auth/login", {})):
        assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND"
        assert "slash" in answer.json()["error"] and "X-RateLimit-Limit" in answer.headers


def test_bodies_in_chunks_are_refused_not_taken_for_empty(alice):
    answer = alice.client.generic("POST", SITES, b"", HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 411 and "Content-Length" in answer.json()["error"]


def test_ids_are_whole_numbers(alice):
    for odd in (alice.site.pk + 0.5, True, f"{alice.site.pk}.0", [alice.site.pk], {}):
        answer = alice.client.post("/api/v1/auth/sectors/", {"site": odd, "industry_sector": 1})
        assert answer.status_code == 400 and "site" in answer.json()["details"], odd


def test_filters_refuse_what_they_do_not_know(alice):
    for query in ("is_active=banana", "is_hosted=2"):
        assert alice.client.get(f"{SITES}?{query}").status_code == 400
    for query in ("is_active=true", "is_active=1", "is_hosted=0"):
        assert alice.client.get(f"{SITES}?{query}").status_code == 200
    for odd in ("1.5", "-1", "x", "9" * 5000):
        assert alice.client.get(f"/api/v1/auth/sectors/?site_id={odd}").status_code == 400
