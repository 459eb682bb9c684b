"""Asking the planner's routes."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

LIBRARY = "/api/v1/keywords-library/"
KEYWORDS = "/api/v1/planner/keywords/"
CLUSTERS = "/api/v1/planner/clusters/"
IDEAS = "/api/v1/planner/ideas/"


def results(client, url, **params) -> list[dict]:
    answer = client.get(url, params)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def refused(answer, field: str) -> None:
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["details"], answer.content


def queries(client, url, **params) -> int:
    with CaptureQueriesContext(connection) as captured:
        results(client, url, page_size=50, **params)
    return len(captured)


def body_of(actor, **fields) -> dict:
    return {"site": actor.site.pk, "sector": actor.sector.pk, "keyword": "cold brew ratio", **fields}
