"""The parts themselves are what the other tests take them for."""

import httpx
import kombu
import pytest

from scripts.e2e import __main__ as parts_of
from tests.e2e_real import author


def test_wordpress_takes_posts_of_those_who_may_write(wordpress):
    for role, status in (("administrator", 201), ("author", 201), ("contributor", 403)):
        with wordpress.api(role) as api:
            post = {"title": f"Of {role}", "content": "<p>Text</p>", "status": "publish"}
            assert api.post("/posts", json=post).status_code == status
    with wordpress.api() as api:
        assert {p["slug"] for p in api.get("/posts").json()} == {"of-administrator", "of-author"}
    assert "Of author" in httpx.get(f"{wordpress.url}/of-author/", trust_env=False).text
    wordpress.empty()
    with wordpress.api() as api:
        assert api.get("/posts").json() == []


def test_wordpress_keeps_meta_only_where_it_is_registered(wordpress):
    post = {"title": "With meta", "meta": {"some_key": "value"}}
    with wordpress.api("author") as api:
        assert "some_key" not in api.post("/posts", json=post).json()["meta"]
        wordpress.writable_meta("some_key")
        assert api.post("/posts", json=post).json()["meta"]["some_key"] == "value"


def test_rabbitmq_holds_a_message_in_a_quorum_queue(rabbitmq):
    with kombu.Connection(rabbitmq, transport_options={"confirm_publish": True}) as connection:
        queue = kombu.Queue("parts", queue_arguments={"x-queue-type": "quorum"})
        connection.Producer().publish({"n": 1}, routing_key="parts", declare=[queue])
        with connection.SimpleQueue(queue) as simple:
            message = simple.get(timeout=10)
            assert message.payload == {"n": 1}
            message.ack()


def test_started_again_all_is_as_it_was(parts):
    assert parts_of.start() == parts


def test_the_model_goes_on_where_it_was_cut(llm):
    ask = [
        {
            "role": "user",
            "content": "Plan 2 articles about the topic “tea”\n\nKeywords:\n- green tea (9 searches)",
        }
    ]
    with httpx.Client(base_url=llm.url, trust_env=False, timeout=30) as client:

        def said(messages: list[dict]) -> dict:
            answer = client.post("/chat/completions", json={"model": "gpt-4.1", "messages": messages})
            assert answer.status_code == 200 and answer.json()["model"] == "gpt-4.1"
            return answer.json()["choices"][0]

        llm.faults("cut")
        first = said(ask)
        assert first["finish_reason"] == "length"
        go_on = {"role": "user", "content": author.GO_ON}
        rest = said([*ask, {"role": "assistant", "content": first["message"]["content"]}, go_on])
        assert first["message"]["content"] + rest["message"]["content"] == said(ask)["message"]["content"]
        llm.faults("limited", "unsaid")
        limited = client.post("/chat/completions", json={"model": "gpt-4.1", "messages": ask})
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
        assert said(ask)["finish_reason"] is None
        llm.faults("dropped")
        with pytest.raises(httpx.RemoteProtocolError):
            said(ask)
    assert llm.faulted == {"dropped": 1, "limited": 1, "unsaid": 1, "cut": 1} and llm.asked == 6
