"""What sites answer when they do not work, and what is made of it: a cause, whether it is tried again, and whether
another article would go. What the real WordPress shows of it is in tests/e2e_real/test_broken_sites.py."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from apps.integration.clients.wordpress.errors import ADVICE, error_of_answer
from apps.publisher.services.wordpress import TargetFailed

REQUEST = httpx.Request("POST", "https://blog.example.com/wp-json/wp/v2/posts")
HTML = "<html><h1>{}</h1></html>"


def answered(status: int, body: str | dict = "", **headers):
    text = {"json": body} if isinstance(body, dict) else {"text": body}
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of_answer(httpx.Response(status, headers=headers, request=REQUEST, **text))


def said(code: str, status: int):
    return answered(status, {"code": code, "message": f"<b>{code}</b>", "data": {"status": status}})


# A sign, its cause, whether it is tried again, and whether it concerns this one article alone.
SIGNS = [
    (said("rest_not_logged_in", 401), "not_logged_in", False, False),
    (said("rest_cannot_create", 401), "not_logged_in", False, False),
    (said("incorrect_password", 401), "credentials", False, False),
    (said("invalid_username", 401), "credentials", False, False),
    (said("invalid_email", 401), "credentials", False, False),
    (said("application_passwords_disabled", 501), "app_passwords_off", False, False),
    (said("application_passwords_disabled_for_user", 501), "app_passwords_off", False, False),
    (answered(403, HTML.format("Attention Required! | Cloudflare")), "challenge", False, False),
    (answered(503, "<script src='/cdn-cgi/challenge-platform/__cf_chl'>"), "challenge", False, False),
    (answered(403, "", cf_mitigated="challenge"), "challenge", False, False),
    (answered(406, HTML.format("Not Acceptable! Mod_Security")), "firewall", False, True),
    (answered(403, HTML.format("Forbidden")), "firewall", False, True),
    (said("rest_forbidden", 401), "rest_blocked", False, False),
    (said("rest_login_required", 403), "rest_blocked", False, False),
    (answered(404, HTML.format("Not found")), "rest_missing", False, False),
    (said("rest_no_route", 404), "rest_missing", False, False),
    (answered(200, HTML.format("Coming soon")), "html", False, False),
    (answered(200, "<br />\n<b>Warning</b>: Undefined variable $x\n{}"), "php_notice", False, False),
    (answered(200, '{"id": 7, "slug": "cut of'), "cut", True, True),
    (answered(503, HTML.format("Briefly unavailable")), "maintenance", True, False),
    (answered(301, "", location="https://www.example.com/wp-json/"), "redirect", False, False),
    (answered(302, "", location="https://blog.example.com/wp-login.php"), "rest_blocked", False, False),
    (said("rest_cannot_edit_others", 403), "capability", False, True),
    (said("rest_cannot_assign_term", 403), "capability", False, False),
    (said("rest_cannot_create", 403), "capability", False, False),
    (answered(413, HTML.format("Request Entity Too Large")), "too_large", False, True),
    (said("rest_upload_file_too_big", 413), "too_large", False, True),
    (said("rest_upload_sideload_error", 500), "upload", False, True),
    (answered(500, HTML.format("Internal Server Error")), "server_error", True, True),
    (answered(429, ""), "rate_limited", True, False),
    (answered(522, HTML.format("Connection timed out")), "maintenance", True, False),
]


@pytest.mark.parametrize(
    ("error", "cause", "is_tried_again", "is_of_the_article"),
    SIGNS,
    ids=lambda value: f"{value.status}-{value.code}" if hasattr(value, "status") else None,
)
def test_each_sign_has_its_cause_and_its_cure(error, cause, is_tried_again, is_of_the_article):
    assert (error.cause, not error.permanent) == (cause, is_tried_again)
    assert error.sentence.endswith(ADVICE[cause]) and len(error.sentence) > 40
    assert "<" not in error.sentence.removesuffix(ADVICE[cause])
    failed = TargetFailed.of(error)
    assert (failed.permanent, failed.target_down) == (not is_tried_again, not is_of_the_article)


def test_a_site_says_when_to_come_again_by_a_number_or_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=20), usegmt=True)
    for given, expected in (("60", 60), ("9" * 30, 3600), (date, 1200), ("soon", None), ("-5", None)):
        wait = answered(429, "", retry_after=given).retry_after
        assert wait == (expected and pytest.approx(expected, abs=60)), given
