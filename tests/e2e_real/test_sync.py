"""A real WordPress and a site, kept alike.

make e2e ARGS="-k sync"        300 posts, 20 sequences of edits
make soak-sync POSTS=5000      the first sync of a large site, killed half way
make soak-edits EDITS=500      edits on both sides at random: none is lost
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from apps.core.jobs import execute
from apps.core.models import Job
from apps.integration.clients.wordpress import WordPress
from apps.integration.models import SiteIntegration, SyncedPost, SyncRun
from apps.integration.services.sync.start import sync_start
from apps.publisher.models import PublishingRecord
from apps.publisher.services.publishing import content_publish
from apps.publisher.services.wordpress import TargetFailed
from apps.publisher.services.wordpress.errors import EditedOnBothSides
from apps.writer.models import Content, ContentVersion, Image
from apps.writer.services.content import content_update
from scripts.e2e import wordpress as real
from tests.conftest import client_of
from tests.e2e_real.test_publish import connect
from tests.factories.publisher import ApprovedContentFactory, GeneratedImageFactory

pytestmark = pytest.mark.django_db(transaction=True)
POSTS = int(os.environ.get("POSTS", "300"))
EDITS = int(os.environ.get("EDITS", "20"))
SEED = int(os.environ.get("SEED", "20261126"))
BLOCK = "<!-- wp:paragraph -->\n<p>{}</p>\n<!-- /wp:paragraph -->"


@pytest.fixture
def integration(alice, wordpress, settings) -> SiteIntegration:
    settings.OUTBOUND_ALLOW_PRIVATE = ["127.0.0.1/32"]
    return SiteIntegration.objects.get(pk=connect(alice, wordpress.url, wordpress))


@pytest.fixture
def rest(wordpress):
    with wordpress.api() as client:
        yield client


@contextmanager
def counted(monkeypatch):
    """Counts requests to WordPress and queries."""
    counts, ask = Counter(), WordPress._answer

    def answer(self, *arguments):
        counts["requests"] += 1
        return ask(self, *arguments)

    def query(run, *arguments):
        counts["queries"] += 1
        return run(*arguments)

    with monkeypatch.context() as patch, connection.execute_wrapper(query):
        patch.setattr(WordPress, "_answer", answer)
        began = time.monotonic()
        yield counts
        counts["ms"] = int(1000 * (time.monotonic() - began))


def pull(integration, direction="pull", **how) -> SyncRun:
    job = sync_start(integration=integration, direction=direction, **how)
    execute(job.pk)
    sync = SyncRun.objects.get(job_id=job.pk)
    assert sync.state == "succeeded", Job.objects.get(pk=job.pk).__dict__
    return sync


def edit(content, **changes) -> None:
    content_update(
        account_id=content.account_id, content_id=content.pk, by="alice@example.com", changes=changes
    )


def publish(content, reference) -> dict:
    return content_publish(account_id=content.account_id, content_id=content.pk, reference=reference)


@pytest.mark.timeout(300 + POSTS)
def test_a_large_site_comes_in_once_though_its_worker_is_killed(integration, monkeypatch, capsys):
    assert real.seed(POSTS) == POSTS
    try:
        with counted(monkeypatch) as first:
            pull(integration)
        assert Content.objects.values("external_id").distinct().count() == Content.objects.count() == POSTS
        with counted(monkeypatch) as again:
            sync = pull(integration)
        assert (sync.is_deep, sync.counts["seen"], sync.counts.get("new", 0)) == (False, POSTS, 0)
        SyncedPost.objects.all().delete(), Content.objects.all().delete(), SyncRun.objects.all().delete()
        killed = _killed_half_way(integration)
        assert Content.objects.values("external_id").distinct().count() == Content.objects.count() == POSTS
        assert SyncedPost.objects.count() == POSTS
        assert real.seed(0, left=POSTS - 100) == POSTS - 100
        assert pull(integration).counts["gone"] == 100
        assert Content.objects.count() == POSTS - 100
    finally:
        real.seed(0)
    with capsys.disabled():
        print(f"\n{POSTS} posts: first {dict(first)}, again {dict(again)}, killed after {killed}")


def _killed_half_way(integration) -> int:
    """A pass whose worker is killed in the middle, ended by another one. Returns how many posts were in by then."""
    job = sync_start(integration=integration, direction="pull")
    connections.close_all()
    worker = os.fork()
    if worker == 0:
        try:
            execute(job.pk)
        finally:
            os._exit(0)
    while (sync := SyncRun.objects.get(job_id=job.pk)).cursor.get("done", 0) < POSTS // 3:
        assert sync.state == "running"
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    done = Content.objects.count()
    assert 0 < done < POSTS and SyncRun.objects.get().state == "running"
    Job.objects.filter(pk=job.pk).update(lease_until="2020-01-01T00:00Z")  # as 20 seconds do
    execute(job.pk)
    assert SyncRun.objects.get().state == "succeeded"
    return done


def test_an_article_with_its_pictures_goes_there_and_back(alice, integration, rest):
    """What people change in an article of ours comes in as text of ours; its pictures stay ours, where people put
    them; what they took off is not brought back."""
    content = ApprovedContentFactory(site=alice.site, title=f"Both ways {alice.site.pk}")
    GeneratedImageFactory(content=content, color="navy")
    GeneratedImageFactory(content=content, kind=Image.Kind.IN_ARTICLE, color="olive", alt="A clock")
    done = publish(content, "test:1")
    path = f"/posts/{done['external_id']}"
    raw = rest.get(path, params={"context": "edit"}).json()["content"]["raw"]
    sync = pull(integration)
    assert (sync.counts.get("changed"), sync.counts.get("new"), sync.counts.get("conflict")) == (
        None,
        None,
        None,
    )
    rest.post(path, json={"content": raw.replace("Eight parts.", "Nine parts.")}).raise_for_status()
    assert pull(integration).counts["changed"] == 1
    content.refresh_from_db()
    assert "Nine parts." in content.html and "/api/v1/writer/images/file/?id=" in content.html
    assert not SyncedPost.objects.get().is_lossy
    edit(content, html=content.html.replace("Twelve hours.", "Ten hours."))
    assert pull(integration, "both").counts["pushed"] == 1
    execute(Job.objects.get(kind="content.publish").pk)
    now = rest.get(path, params={"context": "edit"}).json()["content"]["raw"]
    assert now == raw.replace("Eight parts.", "Nine parts.").replace("Twelve hours.", "Ten hours.")
    # A gallery that an article can not hold: ours would take it away, so it is asked first.
    gallery = '<!-- wp:shortcode -->\n[gallery ids="1,2"]\n<!-- /wp:shortcode -->'
    rest.post(path, json={"content": f"{now}\n\n{gallery}"}).raise_for_status()
    pull(integration)
    content.refresh_from_db()
    edit(content, html=content.html.replace("Ten hours.", "Six hours."))
    with pytest.raises(EditedOnBothSides, match="holds more than ours can"):
        publish(content, "test:2")
    content.refresh_from_db()
    content_update(
        account_id=content.account_id,
        content_id=content.pk,
        by="alice@example.com",
        changes={"title": "Only its title"},
    )
    assert gallery in rest.get(path, params={"context": "edit"}).json()["content"]["raw"]
    rest.delete(path).raise_for_status()
    pull(integration)
    content.refresh_from_db()
    assert (content.status, content.site_status) == ("approved", "not_published")
    with pytest.raises(TargetFailed, match="trash"):
        publish(content, "test:3")


def test_a_post_of_theirs_is_updated_and_not_doubled(alice, integration, rest):
    theirs = rest.post(
        "/posts", json={"title": "Theirs", "content": BLOCK.format("Old."), "status": "publish"}
    ).json()
    pull(integration)
    content = Content.objects.get()
    changes = {"html": "<p>New.</p>"}
    content_update(
        account_id=content.account_id, content_id=content.pk, by="alice@example.com", changes=changes
    )
    assert publish(content, "test:1")["external_id"] == str(theirs["id"])
    found = rest.get("/posts", params={"context": "edit", "status": "any"}).json()
    assert [(p["id"], p["content"]["raw"], p["slug"]) for p in found] == [
        (theirs["id"], BLOCK.format("New."), theirs["slug"])
    ]
    assert pull(integration, deep=True).counts.get("changed") is None


@pytest.mark.timeout(300 + 30 * EDITS)
def test_no_edit_of_people_is_lost(alice, integration, rest, capsys):
    """Articles are edited here and there at random, pulled, pushed and published; conflicts are decided at random. What
    people wrote in WordPress is written over only after it was kept here as a version, or somebody chose so."""
    chance, figures = random.Random(SEED), Counter()
    for start in range(0, EDITS, 50):
        articles = [_Article(alice, rest, chance, figures, n) for n in range(start, min(EDITS, start + 50))]
        for _ in range(chance.randint(3, 5)):
            alice.client = client_of(alice.user)  # a token lives a quarter of an hour, and this takes longer
            for article in articles:
                for _ in range(chance.randint(1, 3)):
                    chance.choice((article.write_here, article.write_there, article.publish))()
            if chance.random() < 0.8:
                sync = pull(integration, chance.choice(("pull", "both")))
                figures["conflicts at a pull"] += sync.counts.get("conflict", 0)
            for job in Job.objects.filter(kind="content.publish", state="pending"):
                execute(job.pk)
            for article in articles:
                article.check()
                if chance.random() < 0.5:
                    article.resolve()
        for article in articles:
            article.resolve()
            article.check()
    assert figures["edits there"] and figures["written over after a choice"] and figures["came in"]
    assert figures["conflicts at a publication"] and figures["conflicts at a pull"]
    with capsys.disabled():
        print(f"\n{EDITS} sequences: {dict(figures)}")


class _Article:
    """One article, what people wrote of it last in WordPress, and whether somebody chose against that."""

    def __init__(self, alice, rest, chance: random.Random, figures: Counter, number: int):
        self.alice, self.rest, self.chance, self.figures = alice, rest, chance, figures
        self.tokens = (f"{number}w{n}z" for n in range(1000))
        self.content = ApprovedContentFactory(
            site=alice.site, title=f"Sequence {number}", html=f"<p>Text {number}.</p>", categories=[], tags=[],
            meta_title="", meta_description="",
        )  # fmt: skip
        done = publish(self.content, "test:first")
        self.path = f"/posts/{done['external_id']}"
        self.there: dict[str, str] = {}
        self.chosen_against: set[str] = set()

    def write_here(self):
        field, token = self.chance.choice(("title", "html", "excerpt")), f"here {next(self.tokens)}"
        self.figures["edits here"] += 1
        value = f"<p>{token}</p>" if field == "html" else token
        content_update(
            account_id=self.content.account_id,
            content_id=self.content.pk,
            by="alice@example.com",
            changes={field: value},
        )

    def write_there(self):
        field, token = self.chance.choice(("title", "html", "excerpt")), f"there {next(self.tokens)}"
        self.figures["edits there"] += 1
        sent = {"content": BLOCK.format(token)} if field == "html" else {field: token}
        self.rest.post(self.path, json=sent).raise_for_status()
        self.there[field] = token

    def publish(self):
        try:
            publish(self.content, f"test:{next(self.tokens)}")
            self.figures["publications"] += 1
        except EditedOnBothSides:
            self.figures["conflicts at a publication"] += 1

    def resolve(self):
        synced = SyncedPost.objects.filter(content=self.content, conflict_at__isnull=False).first()
        if synced is None:
            return
        path = f"/api/v1/integration/conflicts/{synced.pk}/"
        shown = self.alice.client.get(path)
        assert shown.status_code == 200, shown.content
        data = shown.json()["data"]
        choice = self.chance.choice(("ours", "theirs", "merged"))
        texts = {}
        if choice == "merged":
            texts = {n: f"merged {next(self.tokens)}" for n in data["fields_in_conflict"]}
        answer = self.alice.client.post(
            f"{path}resolve/", {"choice": choice, "seen": data["texts"]["seen"], **texts}
        )
        assert answer.status_code == 200, answer.content
        self.figures[f"chose {choice}"] += 1
        if choice != "theirs":
            self.chosen_against |= {str(data["texts"]["theirs"][n]) for n in data["fields_in_conflict"]}
            execute(answer.json()["data"]["task_id"])

    def check(self):
        """What people wrote there last stands there, or was written over for a reason."""
        post = self.rest.get(self.path, params={"context": "edit"}).json()
        now = {
            "title": post["title"]["raw"],
            "html": post["content"]["raw"],
            "excerpt": post["excerpt"]["raw"],
        }
        kept = {
            name: " ".join(ContentVersion.objects.filter(content=self.content).values_list(name, flat=True))
            for name in now
        }
        for name, token in self.there.items():
            if token in now[name]:
                continue
            if any(token in text for text in self.chosen_against):
                self.figures["written over after a choice"] += 1
            else:
                assert token in kept[name], f"{token} of {name} is lost; {now[name]} stands there"
                self.figures["came in"] += 1
        here = Content.objects.get(pk=self.content.pk)
        assert (here.status, here.site_status) == ("published", "published")
        assert not PublishingRecord.objects.filter(content=here, status="publishing").exists()
