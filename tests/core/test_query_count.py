"""What a request costs in queries, whatever the number of rows."""

import psycopg
import pytest
from django.db import connection

from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db
GROUPS, SITES = "/api/v1/auth/groups/", "/api/v1/auth/sites/"


def queries(capture, client, path: str) -> int:
    client.get(path)  # what is looked up once a process is not the request's
    with capture() as captured:
        answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return len(captured)


@pytest.fixture
def capture(django_assert_max_num_queries):
    return lambda: django_assert_max_num_queries(50)


def test_authentication_permission_and_rate_limit_are_one_query(capture, alice):
    assert queries(capture, alice.client, GROUPS) == 1


def test_a_user_of_single_sites_costs_no_more(capture, alice):
    editor = alice.as_role("editor", all_sites=False)
    assert queries(capture, editor, GROUPS) == 1


@pytest.mark.parametrize("page_size", [5, 20, 200])
def test_a_list_costs_the_same_with_2_rows_and_with_20(capture, alice, page_size):
    SiteFactory(account=alice.account)
    path = f"{SITES}?page_size={page_size}"
    assert len(alice.client.get(path).json()["results"]) == 2
    assert queries(capture, alice.client, path) <= 3
    SiteFactory.create_batch(18, account=alice.account)
    answer = alice.client.get(path).json()
    assert answer["count"] == 20 and len(answer["results"]) == min(page_size, 20)
    assert queries(capture, alice.client, path) <= 3


def test_a_page_that_holds_all_is_not_counted_again(capture, alice):
    SiteFactory.create_batch(19, account=alice.account)
    assert queries(capture, alice.client, f"{SITES}?page_size=20") == 2


def test_the_first_page_says_what_the_others_say(alice):
    """It knows the number of rows in another way than they do."""
    SiteFactory.create_batch(4, account=alice.account)
    pages = [alice.client.get(f"{SITES}?page_size=2&page={n}").json() for n in (1, 2, 3)]
    assert [p["count"] for p in pages] == [5, 5, 5]
    assert [len(p["results"]) for p in pages] == [2, 2, 1]
    assert [bool(p["next"]) for p in pages] == [True, True, False]
    assert [bool(p["previous"]) for p in pages] == [False, True, True]
    assert len({row["id"] for p in pages for row in p["results"]}) == 5
    exact = alice.client.get(f"{SITES}?page_size=5").json()
    assert (exact["count"], exact["next"], len(exact["results"])) == (5, None, 5)


def test_a_first_page_of_nothing(bob):
    bob.site.delete()
    answer = bob.client.get(SITES).json()
    assert (answer["count"], answer["next"], answer["previous"], answer["results"]) == (0, None, None, [])


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_is_opened_again(alice):
    """The statement that authenticates is the health check too: no other runs before it."""
    assert alice.client.get(GROUPS).status_code == 200
    ended = connection.connection.info.backend_pid
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ended])
    assert alice.client.get(GROUPS).status_code == 200
    assert connection.connection.info.backend_pid != ended
