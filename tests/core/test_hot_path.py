"""The short cuts of a request: a statement past the cursor, no session, no negotiation, remembered routes."""

import io
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, ProgrammingError, connection

from apps.core.sql import prepared_row

GROUPS = "/api/v1/auth/groups/"
on_its_own = pytest.mark.django_db(transaction=True)  # a statement in a transaction takes Django's way


@on_its_own
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", 2**62),
        ("bigint", -1),
        ("smallint", 0),
        ("text", "a 'quoted' \\ ✓"),
        ("text", None),
        ("uuid", uuid.UUID(int=7)),
        ("timestamptz", datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("numeric", Decimal("-1.50")),
        ("float8", 0.25),
        ("boolean", True),
    ],
)
def test_a_value_comes_back_as_it_went(kind, value):
    connection.ensure_connection()
    for _ in range(2):
        assert prepared_row(f"SELECT %(value)s::{kind}, 7 %% 4", {"value": value}) == (value, 3)


@on_its_own
def test_no_row_is_none():
    connection.ensure_connection()
    assert prepared_row("SELECT 1 WHERE %(no)s", {"no": False}) is None
    assert prepared_row("DELETE FROM core_ratecounter WHERE key = %(key)s", {"key": "x"}) is None


@on_its_own
@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT 1 / %(zero)s::int", DataError),
        ("SELECT nothing FROM nowhere WHERE %(zero)s = 0", ProgrammingError),
        ("INSERT INTO core_ratecounter (key, hits) VALUES (NULL, %(zero)s) RETURNING key", IntegrityError),
    ],
)
def test_an_error_is_djangos_and_the_connection_is_good_afterwards(statement, error):
    connection.ensure_connection()
    for _ in range(2):
        with pytest.raises(error):
            prepared_row(statement, {"zero": 0})
    assert prepared_row("SELECT %(one)s::int", {"one": 1}) == (1,)


@on_its_own
def test_a_statement_that_the_server_forgot_is_prepared_again():
    connection.ensure_connection()
    for _ in range(3):
        assert prepared_row("SELECT %(one)s::int", {"one": 1}) == (1,)
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")


@on_its_own
def test_a_nul_is_an_error_of_the_caller():
    connection.ensure_connection()
    with pytest.raises((DataError, ValueError)):
        prepared_row("SELECT %(text)s::text", {"text": "a\x00b"})


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("application/json", 200),
        ("application/json, text/plain, */*", 200),
        ("application/*;q=0.5", 200),
        ("text/html", 406),
        ("image/png", 406),
    ],
)
def test_what_is_accepted(alice, accept, status):
    answer = alice.client.get(GROUPS, **({"HTTP_ACCEPT": accept} if accept else {}))
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(("query", "status"), [("format=json", 200), ("format=xml", 404), ("page=1", 200)])
def test_the_format_of_the_address_still_counts(alice, query, status):
    assert alice.client.get(f"{GROUPS}?{query}").status_code == status


def test_a_session_is_there_for_who_brings_its_cookie(client, alice):
    client.force_login(alice.user)
    assert client.get(GROUPS).status_code == 200
    client.cookies.clear()
    assert client.get(GROUPS).status_code == 401


def test_a_bearer_may_end_the_browsers_session_without_having_one(alice):
    answer = alice.client.post("/api/v1/auth/logout/", {"refresh": "no token"})
    assert answer.status_code == 401


@on_its_own
def test_the_server_remembers_routes_and_not_answers(alice):
    from config.wsgi import application

    def ask(path: str, token: str = "") -> tuple[str, bytes]:
        begun = []
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80", "HTTP_HOST": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_AUTHORIZATION": token, "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
        }  # fmt: skip
        answer = application(environ, lambda status, headers: begun.append(status))
        body = b"".join(answer)
        answer.close()
        return begun[0][:3], body

    token = alice.client._credentials["HTTP_AUTHORIZATION"]
    site = f"/api/v1/auth/sites/{alice.site.pk}/"
    for _ in range(2):
        assert ask(GROUPS, token)[0] == "200"
        assert ask(site, token)[0] == "200"
        assert ask(site)[0] == "401"
        assert ask("/api/v1/auth/sites/999999999/", token)[0] == "404"
        assert ask("/api/v1/no/such/route/", token)[0] == "404"
