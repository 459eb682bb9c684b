"""The library's import: service, command and admin; and one real export through the whole planner."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.notifications.models import Notification
from apps.planner.keyword_files import UnreadableKeywordFile
from apps.planner.models import Cluster, Keyword, SeedKeyword
from apps.planner.services.library import keywords_import
from tests.factories import IndustrySectorFactory
from tests.factories.planner import SeedKeywordFactory

pytestmark = pytest.mark.django_db
EXPORT = Path(__file__).parent.parent / "data" / "game-of-thrones-map_broad-match_us_2025-11-06.csv"


@pytest.fixture
def sector():
    return IndustrySectorFactory(slug="series")


def imported(text: str, sector, **fields):
    return keywords_import(file=io.BytesIO(text.encode()), name="list.csv", industry_sector=sector, **fields)


def counts(result) -> tuple[int, int, int, int]:
    return result.added, result.updated, result.unchanged, len(result.refused)


def test_same_file_again_changes_nothing(sector):
    text = "Keyword,Volume,Keyword Difficulty,Intent\ncold brew,2400,25,Commercial\nhow to brew,,,\n"
    assert counts(imported(text, sector)) == (2, 0, 0, 0)
    cold, how = SeedKeyword.objects.order_by("-volume")
    assert (cold.country, cold.volume, cold.difficulty, cold.intent) == ("US", 2400, 25, "commercial")
    assert cold.is_high_opportunity and not how.is_high_opportunity
    assert (how.volume, how.difficulty, how.intent) == (0, None, "informational")
    before = list(
        SeedKeyword.objects.extra(select={"version": "xmin::text || xmax::text"}).values_list("pk", "version")
    )
    assert counts(imported(text, sector)) == (0, 0, 2, 0)
    assert before == list(
        SeedKeyword.objects.extra(select={"version": "xmin::text || xmax::text"}).values_list("pk", "version")
    )


@pytest.mark.parametrize(
    ("there", "coming", "stays"),
    [
        ((100, False), "200", (200, False)),
        ((200, False), "100", (200, False)),
        ((900, True), "100", (100, False)),
        ((100, False), "1K – 10K", (100, False)),
        ((100, True), "1K – 10K", (3162, True)),
        ((0, False), "1K – 10K", (3162, True)),
        ((100, True), "", (100, True)),
    ],
)
def test_exact_volume_beats_estimate_then_the_larger_wins(sector, there, coming, stays):
    row = SeedKeywordFactory(
        industry_sector=sector, keyword="Cold Brew", volume=there[0], volume_is_estimate=there[1]
    )
    imported(f"Keyword,Volume\ncold  brew,{coming}\n", sector)
    row.refresh_from_db()
    assert (row.volume, row.volume_is_estimate) == stays
    assert SeedKeyword.objects.count() == 1 and row.keyword == "Cold Brew"


def test_refusals_are_told_row_by_row(sector):
    ligature = "\ufdfa" * 40  # one character that unfolds to eighteen
    text = f"Keyword,Volume,Country\nok,1,UK\n,5,\nbad volume,many,\n{'x' * 501},1,\n"
    text += f"ok,2,GB\n{ligature},1,\n🚀 مرحبا,7,fr\n"
    result = imported(text, sector)
    assert [(r.line, r.code) for r in result.refused] == [
        (2, "duplicate"), (3, "empty_keyword"), (4, "bad_volume"), (5, "too_long"), (7, "too_long"),
    ]  # fmt: skip
    assert all(r.reason.endswith(".") for r in result.refused)
    assert set(SeedKeyword.objects.values_list("keyword", "country")) == {("ok", "GB"), ("🚀 مرحبا", "FR")}


def test_dry_run_and_unreadable_file_store_nothing(sector):
    assert counts(imported("Keyword\none\n", sector, dry_run=True)) == (1, 0, 0, 0)
    with pytest.raises(UnreadableKeywordFile):
        imported("a,b,c\n1,2,3\n", sector)
    assert not SeedKeyword.objects.exists()


def test_number_of_statements_does_not_grow_with_the_file(sector):
    def statements(n: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            imported("Keyword\n" + "".join(f"keyword {n} {i}\n" for i in range(n)), sector)
        return len(queries)

    assert statements(2) == statements(500)


def test_command(sector, tmp_path, capsys):
    file = tmp_path / "list.csv"
    file.write_text("Keyword,Volume\none,1\ntwo,x\n")
    refusals = tmp_path / "refusals.csv"
    call_command("import_keywords", str(file), sector="series", country="UK", refusals=refusals, verbosity=0)
    assert "1 added, 0 updated, 0 unchanged, 1 refused" in capsys.readouterr().out
    assert SeedKeyword.objects.get().country == "GB"
    with refusals.open() as opened:
        assert [row["code"] for row in csv.DictReader(opened)] == ["bad_volume"]
    call_command("import_keywords", str(file), sector=str(sector.pk), country="UK", verbosity=0)
    out = capsys.readouterr()
    assert (
        "0 added, 0 updated, 1 unchanged" in out.out and "line 3: 'two' was not taken (bad_volume)" in out.err
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sector": "nowhere"}, "no sector nowhere"),
        ({"country": "Atlantis"}, "Atlantis"),
        ({"file": "missing.csv"}, "No such file"),
    ],
)
def test_command_refuses(sector, tmp_path, change, sentence):
    (tmp_path / "list.csv").write_text("Keyword\none\n")
    options = {"file": "list.csv", "sector": "series", "country": None, **change}
    with pytest.raises(CommandError, match=sentence):
        call_command("import_keywords", str(tmp_path / options.pop("file")), verbosity=0, **options)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "a long sentence is fine"))
    return client


def test_admin_import_shows_what_was_refused(staff, sector):
    changelist = staff.get(reverse("admin:planner_seedkeyword_changelist"))
    url = reverse("admin:planner_seedkeyword_import_keywords")
    assert url in changelist.content.decode() and "Import keywords" in changelist.content.decode()
    assert staff.get(url).status_code == 200
    file = io.BytesIO(b"Keyword,Volume\none,1\n<script>,x\n")
    file.name = "list.csv"
    page = staff.post(url, {"file": file, "sector": sector.pk, "country": "US"}).content.decode()
    assert "1 added, 0 updated" in page and "bad_volume" in page
    assert "&lt;script&gt;" in page and '<td dir="auto"><script>' not in page
    assert SeedKeyword.objects.get().keyword == "one"
    file = io.BytesIO(b"a,b\n1,2\n")
    file.name = "list.csv"
    page = staff.post(url, {"file": file, "sector": sector.pk, "country": ""}).content.decode()
    assert "No keyword column was found" in page


def test_admin_import_is_for_staff_who_may_add(sector):
    client = Client()
    user = User.objects.create_user("reader@example.com", "a long sentence is fine", is_staff=True)
    client.force_login(user)
    assert client.get(reverse("admin:planner_seedkeyword_import_keywords")).status_code == 403


@pytest.mark.parametrize("model", ["seedkeyword", "keyword", "cluster", "contentidea"])
def test_admin_lists(staff, alice, model):
    SeedKeywordFactory()
    assert staff.get(reverse(f"admin:planner_{model}_changelist"), {"q": "seed"}).status_code == 200


def test_admin_seed_keyword_has_its_key(staff, sector):
    url = reverse("admin:planner_seedkeyword_add")
    form = {
        "industry_sector": sector.pk,
        "keyword": "Cold  BREW",
        "country": "US",
        "volume": 5,
        "credit_cost": 0,
    }
    assert staff.post(url, form).status_code == 302
    assert SeedKeyword.objects.get().key == "cold brew"
    assert "already" in staff.post(url, form).content.decode()


def test_real_export_from_file_to_clusters(alice, run_jobs):
    sector = alice.sector.industry_sector
    with EXPORT.open("rb") as file:
        first = keywords_import(file=file, name=EXPORT.name, industry_sector=sector)
        file.seek(0)
        again = keywords_import(file=file, name=EXPORT.name, industry_sector=sector)
    total = SeedKeyword.objects.count()
    assert first.added == total and total + len(first.refused) == 4048 and total > 4000
    assert counts(again) == (0, 0, total, len(first.refused))

    ids = list(SeedKeyword.objects.values_list("pk", flat=True))
    body = {"seed_keyword_ids": ids, "site_id": alice.site.pk}
    url = "/api/v1/planner/keywords/add_to_workflow/"
    added = alice.client.post(url, body).json()["data"]
    assert added == {"added": total, "skipped": 0, "reasons": {}, "credits_charged": 0}
    assert alice.client.post(url, body).json()["data"]["reasons"] == {"already_there": total}

    answer = alice.client.post("/api/v1/planner/clusters/auto_cluster/", {"site_id": alice.site.pk})
    assert answer.status_code == 200, answer.content
    (job,) = run_jobs()
    assert job.state == "succeeded", job.error
    result = job.result
    assert result["clustered"] + result["unclustered"] == total and result["clustered"] > total / 2
    assert result["credits"] == -(-total // 100)
    assert Keyword.objects.filter(status="clustered", cluster__is_hub=False).count() == total
    assert Cluster.objects.filter(is_hub=False).count() == result["clusters"]
    assert not Cluster.objects.filter(is_hub=True, children=None).exists()
    assert Notification.objects.get(account=alice.account).notification_type == "ai_cluster_complete"
