"""Prompts of an account: checked on save, kept as versions, really asked."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.intelligence.functions import FUNCTIONS, by_prompt_type
from apps.intelligence.models import PromptVersion
from apps.intelligence.services import text_call
from apps.intelligence.services.calls import PromptOutdated
from apps.intelligence.services.prompts import prompt_save
from tests.billing.threads import at_once
from tests.intelligence.test_openai_client import completion, server  # noqa: F401
from tests.intelligence.test_own_providers import ARTICLE, CONTENT, KEY, allowed  # noqa: F401  the fixture

pytestmark = pytest.mark.django_db
URL = "/api/v1/system/prompts"
MINE = 'Write about {title} for {site_name}. JSON like {"a": 1} is plain text.'


def test_each_function_has_a_prompt_type_of_its_own():
    """But for those that ask more after the prompt of another one."""
    assert len(by_prompt_type()) == len([f for f in FUNCTIONS.values() if not f.then])
    assert all(by_prompt_type()[f.prompt_type].template == f.template for f in FUNCTIONS.values())
    for function in FUNCTIONS.values():
        assert set(function.needed) <= set(function.variables)
        assert all(f"{{{name}}}" in function.template for name in function.needed)


def test_all_prompts_are_listed_in_one_query_more_than_none(alice):
    alice.client.put(f"{URL}/content/", {"template": MINE})
    with CaptureQueriesContext(connection) as queries:
        body = alice.client.get(f"{URL}/").json()
    assert len(queries) <= 2
    rows = {row["prompt_type"]: row for row in body["data"]}
    assert set(rows) == {"clustering", "ideas", "content", "image_prompt", "linking", "optimization"}
    assert all(
        row["variables"] and row["template"] == row["default_template"]
        for n, row in rows.items()
        if n != "content"
    )
    assert rows["content"]["template"] == MINE and rows["content"]["version"] == 1
    assert rows["ideas"]["is_default"] is True and rows["ideas"]["version"] == 0


def test_versions_diff_and_reset(alice, bob):
    default = alice.client.get(f"{URL}/content/").json()["data"]["template"]
    assert alice.client.put(f"{URL}/content/", {"template": MINE}).json()["data"]["version"] == 1
    again = alice.client.put(f"{URL}/content/", {"template": MINE})
    assert again.json()["data"]["version"] == 1 and again.json()["message"] == "It was so already."
    alice.client.put(f"{URL}/content/", {"template": MINE + "\nBe short.", "version": 1})
    reset = alice.client.post(f"{URL}/content/reset/").json()["data"]
    assert (reset["version"], reset["is_default"], reset["template"]) == (3, True, default)
    assert alice.client.post(f"{URL}/content/reset/").json()["data"]["version"] == 3
    rows = alice.client.get(f"{URL}/content/versions/").json()
    assert [r["version"] for r in rows["results"]] == [3, 2, 1]
    assert rows["results"][0]["is_default"] and rows["results"][2]["created_by"] == "alice@example.com"
    diff = alice.client.get(f"{URL}/content/diff/?old=1&new=2").json()["data"]
    assert "+Be short." in diff["diff"].split("\n") and diff["before"] == MINE
    assert alice.client.get(f"{URL}/content/diff/?old=2").json()["data"]["after"] == default
    assert alice.client.get(f"{URL}/content/diff/?old=1&new=9").status_code == 404
    assert alice.client.get(f"{URL}/content/diff/?old=x").status_code == 400
    # An old version is saved again as the newest.
    assert alice.client.put(f"{URL}/content/", {"template": MINE}).json()["data"]["version"] == 4
    assert bob.client.get(f"{URL}/content/versions/").json()["count"] == 0
    assert bob.client.get(f"{URL}/content/diff/?old=1").status_code == 404


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("Write {title} with {tonne}", "{tonne}"),
        ("Write something", "lacks {title}"),
        ("   ", "template"),
        ("{title}" + "x" * 20_000, "template"),
        (5 * ["x"], "template"),
    ],
)
def test_bad_templates_are_refused(alice, template, says):
    answer = alice.client.put(f"{URL}/content/", {"template": template})
    assert answer.status_code == 400 and says in answer.json()["error"], answer.content
    assert not PromptVersion.objects.exists()


def test_roles_unknown_types_and_a_change_meanwhile(alice):
    assert alice.as_role("viewer").get(f"{URL}/content/").status_code == 200
    assert alice.as_role("editor").put(f"{URL}/content/", {"template": MINE}).status_code == 403
    assert alice.as_role("editor").post(f"{URL}/content/reset/").status_code == 403
    assert alice.client.get(f"{URL}/poems/").status_code == 404
    assert alice.client.put(f"{URL}/poems/", {"template": MINE}).status_code == 404
    alice.client.put(f"{URL}/content/", {"template": MINE})
    late = alice.client.put(f"{URL}/content/", {"template": MINE + "!", "version": 0})
    assert late.status_code == 409 and "version 1" in late.json()["error"]


@pytest.mark.django_db(transaction=True)
def test_of_many_saves_at_once_each_version_is_there_once(alice):
    def save(n):
        return prompt_save(
            account_id=alice.account.pk, prompt_type="content", template=f"{{title}} {n}", user_id=None
        )

    at_once(6, save)
    versions = list(PromptVersion.objects.order_by("version").values_list("version", flat=True))
    assert versions == list(range(1, len(versions) + 1)) and versions


def test_the_accounts_prompt_is_what_the_model_is_asked(alice, bob, allowed):  # noqa: F811
    for actor in (alice, bob):
        actor.client.put(
            "/api/v1/system/settings/integrations/openai/",
            {"api_key": KEY, "base_url": allowed.url, "model": "m"},
        )
    alice.client.put(f"{URL}/content/", {"template": MINE})
    allowed.play(*[completion(json.dumps(ARTICLE))] * 3)
    for actor in (alice, bob):
        text_call(function="content", inputs=CONTENT, account_id=actor.account.pk)
    alice.client.post(f"{URL}/content/reset/")
    text_call(function="content", inputs=CONTENT, account_id=alice.account.pk)
    own, other, after = (r["body"]["messages"][-1]["content"] for r in allowed.requests)
    assert own == 'Write about Cold brew ratio for Coffee. JSON like {"a": 1} is plain text.'
    assert other == after and other.startswith("Write a guide")


def test_a_prompt_that_no_longer_fits_says_so(alice):
    PromptVersion.objects.create(
        account=alice.account, prompt_type="content", version=1, template="{gone} {title}"
    )
    with pytest.raises(PromptOutdated, match="reset it"):
        text_call(function="content", inputs=CONTENT, account_id=alice.account.pk)
