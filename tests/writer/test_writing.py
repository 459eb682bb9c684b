"""What a model is asked of an article, whole or in sections, and what is made of its answers."""

import dataclasses
import threading

import pytest

from apps.billing.models import CreditHold, CreditUsage
from apps.core.models import Job
from apps.intelligence.clients.base import ProviderUnavailable
from apps.intelligence.clients.offline.provider import OfflineProvider
from apps.intelligence.services import UpstreamFailed, calls
from apps.writer.models import Content, ContentVersion, DraftPart, Task
from apps.writer.services.generation import UnusableAnswer, content_generate
from apps.writer.services.writing import LONG
from tests.factories.writer import ContentFactory, TaskFactory

pytestmark = pytest.mark.django_db
SETTINGS = "/api/v1/system/settings/content/content_generation/save/"
OUTLINE = [
    {"heading": f"Step {n} & <more> ☕️", "points": [f"Point {n}.1", f"Point {n}.2"]} for n in range(1, 6)
]


class Model(OfflineProvider):
    """The offline provider that notes what it is asked; `change` makes its answers others, `fault` fails them."""

    def __init__(self):
        self.asked, self.lock = [], threading.Lock()
        self.change = lambda request, data: data
        self.fault = lambda request: None

    def text(self, request):
        with self.lock:
            self.asked.append(request)
            number = len(self.asked)
        if error := self.fault(request):
            raise error
        answer = super().text(request)
        data = self.change(request, answer.data)
        return dataclasses.replace(answer, data=data, tokens_in=10 * number, tokens_out=number)

    @property
    def functions(self):
        return [request.function for request in self.asked]


@pytest.fixture
def model(monkeypatch):
    model = Model()
    monkeypatch.setattr(calls, "provider_of", lambda choice: model)
    return model


def write(task: Task, reference: str = "r") -> Content:
    made = content_generate(account_id=task.account_id, task_id=task.pk, reference=reference)
    return Content.objects.get(pk=made["content_id"])


def test_a_long_article_is_asked_for_section_by_section(alice, model):
    task = TaskFactory(site=alice.site, word_count=3000, outline=OUTLINE, description="For beginners.")
    content = write(task)
    assert model.functions == ["content_section"] * 5 + ["content_frame"]
    for place, request in enumerate(model.asked[:5], start=1):
        assert f"section {place} of 5, under the heading “Step {place} & <more> ☕️”, of about 500 words" in (
            request.prompt
        )
        assert f"- Point {place}.2" in request.prompt and "For beginners." in request.prompt
    assert "The text before it ends so:\n(none)" in model.asked[0].prompt
    assert "Point 1.2" in model.asked[1].prompt.partition("ends so:")[2]
    html = content.html
    assert html.startswith("<p><strong>Offline draft.")
    places = [html.index(f"<h2>Step {n} &amp; &lt;more&gt; ☕️</h2>") for n in range(1, 6)]
    assert places == sorted(places) and all(html.count(f"Point {n}.2") == 1 for n in range(1, 6))
    usage = CreditUsage.objects.get(operation="content")
    assert (usage.tokens_in, usage.tokens_out) == (210, 21) and usage.credits == -(-content.word_count // 100)
    assert not DraftPart.objects.exists() and not CreditHold.objects.filter(state="held").exists()
    assert ContentVersion.objects.get().prompt_version == "content 0"


def test_without_an_outline_it_is_asked_for_first(alice, model):
    write(TaskFactory(site=alice.site, word_count=LONG))
    assert model.functions[0] == "content_outline" and "4 headings" in model.asked[0].prompt
    assert model.functions[-1] == "content_frame" and model.functions.count("content_section") >= 3
    model.asked.clear()
    write(TaskFactory(site=alice.site, word_count=LONG - 1), "another")
    assert model.functions == ["content"]


def test_who_begins_again_asks_only_for_what_is_missing(alice, model):
    task = TaskFactory(site=alice.site, word_count=2500, outline=OUTLINE)
    model.fault = lambda request: (
        ProviderUnavailable("It is down.") if request.inputs.get("place") == 4 else None
    )
    for reference in ("first", "second"):
        with pytest.raises(UpstreamFailed):
            write(task, reference)
    assert [request.inputs.get("place") for request in model.asked] == [1, 2, 3, 4, 4]
    assert DraftPart.objects.count() == 3 and not CreditUsage.objects.exists()
    model.fault = lambda request: None
    task.title = "Another question"
    content = write(task, "third")
    assert model.functions[5:] == ["content_section"] * 2 + ["content_frame"]
    assert content.html.count("<h2>") >= 5 and CreditUsage.objects.count() == 1
    # All that the article cost, also what was answered before.
    assert CreditUsage.objects.get().tokens_in == 10 * (1 + 2 + 3 + 6 + 7 + 8)


def test_another_question_is_not_answered_by_what_is_kept(alice, model):
    task = TaskFactory(site=alice.site, word_count=2500, outline=OUTLINE)
    model.fault = lambda request: (
        ProviderUnavailable("It is down.") if request.function == "content_frame" else None
    )
    with pytest.raises(UpstreamFailed):
        write(task)
    Task.objects.filter(pk=task.pk).update(title="Cold brew for two")
    model.fault = lambda request: None
    write(task, "again")
    assert model.functions.count("content_section") == 10


@pytest.mark.parametrize("empty", ["<h3>Step 1</h3>", "<script>x</script>", "   <p> </p>"])
def test_a_section_without_a_text_fails_the_article(alice, model, empty):
    task = TaskFactory(site=alice.site, word_count=2500, outline=OUTLINE)
    model.change = lambda request, data: {"html": empty} if request.inputs.get("place") == 2 else data
    if empty.startswith("<h3>"):  # a heading is a text
        write(task)
        return
    with pytest.raises(UnusableAnswer):
        write(task)
    task.refresh_from_db()
    assert task.status == "failed" and DraftPart.objects.count() == 1
    assert not Content.objects.exists() and not CreditUsage.objects.exists()


def test_what_a_section_says_of_its_own_stands_below_its_heading(alice, model):
    task = TaskFactory(site=alice.site, word_count=2000, outline=[{"heading": "Water", "points": []}] * 1)
    said = "<h2>Water</h2><p>Soft.</p><h2>Hard water</h2><p onclick='x()'>Boil it.</p><h4>Note</h4>"
    model.change = lambda request, data: {"html": said} if request.function == "content_section" else data
    html = write(task).html
    assert html.count("Water</h2>") == 1
    assert "<h2>Water</h2>\n<p>Soft.</p><h3>Hard water</h3><p>Boil it.</p><h4>Note</h4>" in html


def test_the_settings_change_the_question_and_the_article(alice, model):
    keyword = {"faq": [{"question": "How long?", "answer": "A night."}], "faq_heading": "Questions"}
    model.change = lambda request, data: {**data, **keyword} if "faq" in data else data
    page = ContentFactory(
        site=alice.site, title="Water for coffee", status="published", external_url="https://coffee.example/w"
    )
    ContentFactory(site=alice.site, title="A draft", external_url="https://coffee.example/draft")
    link = '<a href="https://coffee.example/w" rel="noopener">Water for coffee</a>'

    def made(**settings) -> tuple[str, Content]:
        if settings:
            assert alice.client.post(SETTINGS, settings).status_code == 200
        model.asked.clear()
        body = {"site": alice.site.pk, "title": "Cold brew"}
        task = alice.client.post("/api/v1/writer/tasks/", body).json()["data"]
        content = write(Task.objects.get(pk=task["id"]), reference=str(task["id"]))
        return "\n".join(request.prompt for request in model.asked), content

    asked, content = made()
    assert "of about 1200 words" in asked and "in a clear and friendly tone" in asked
    assert "questions: yes" in asked and "https://coffee.example/w" in asked
    assert "coffee.example/draft" not in asked
    assert "Frequent questions about" in content.html and link in content.html
    asked, content = made(enable_internal_linking=False, include_faq=False, default_tone="dry")
    assert "in a dry tone" in asked and "questions: no" in asked and "coffee.example" not in asked
    assert "Frequent questions" not in content.html and link not in content.html
    asked, content = made(default_article_length=2000)
    assert model.functions[0] == "content_outline" and "of about 2000 words" in asked
    assert "<h2>Questions</h2>" not in content.html
    asked, content = made(include_faq=True)
    assert "<h2>Questions</h2>\n<h3>How long?</h3>\n<p>A night.</p>" in content.html
    assert page.title


def test_a_link_that_nobody_gave_is_taken_out_and_told(alice, model):
    html = (
        '<p>See <a href="https://spam.example/x">this <strong>study</strong></a>, '
        '<a href="https://coffee.example/given/">ours</a> and <a href="mailto:a@b.example">mail</a>.</p>'
    )
    model.change = lambda request, data: {**data, "html": html}
    task = TaskFactory(site=alice.site, description="Link to https://coffee.example/given, please.")
    content = write(task)
    assert content.html == (
        '<p>See this <strong>study</strong>, <a href="https://coffee.example/given/" rel="noopener">ours</a> '
        "and mail.</p>"
    )
    told = alice.client.get(f"/api/v1/writer/content/{content.pk}/").json()["data"]["link_problems"]
    assert [(row["url"], row["text"]) for row in told] == [
        ("https://spam.example/x", "this study"),
        ("mailto:a@b.example", "mail"),
    ]
    assert all("removed" in row["problem"] for row in told)
    assert Job.objects.get(kind="content.links").payload == {"content_id": content.pk}
