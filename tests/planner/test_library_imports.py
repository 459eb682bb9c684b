"""Files of staff for the library: large ones go to a worker; and what the library gives out again."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.planner import admin as planner_admin
from apps.planner.models import LibraryImport, SeedKeyword
from apps.planner.services import library_imports
from tests.billing.threads import at_once
from tests.factories import IndustrySectorFactory
from tests.factories.planner import SeedKeywordFactory

pytestmark = pytest.mark.django_db
IMPORT = "admin:planner_seedkeyword_import_keywords"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "a long sentence is fine"))
    return client


@pytest.fixture
def sector():
    return IndustrySectorFactory(name="Series", slug="series")


def file_of(text: str, name: str = "list.csv") -> io.BytesIO:
    file = io.BytesIO(text.encode())
    file.name = name
    return file


@pytest.fixture
def sent(staff, sector, monkeypatch) -> LibraryImport:
    """A file that was too large to be imported while staff wait."""
    monkeypatch.setattr(planner_admin, "AT_ONCE_BYTES", 10)
    monkeypatch.setattr(library_imports, "library_import_send", lambda *, import_id: None)
    text = "Keyword,Volume\none,1\ntwo,2\n=bad,x\n"
    answer = staff.post(reverse(IMPORT), {"file": file_of(text), "sector": sector.pk, "country": "GB"})
    row = LibraryImport.objects.get()
    assert answer.status_code == 302 and answer.url.endswith(f"/libraryimport/{row.pk}/change/")
    return row


def test_a_large_file_is_a_workers(staff, sent):
    assert sent.state == "pending" and not SeedKeyword.objects.exists()
    page = f"/admin/planner/libraryimport/{sent.pk}"
    assert staff.get(f"{page}/report/").status_code == 302
    library_imports.library_import_run(import_id=sent.pk)
    sent.refresh_from_db()
    assert (sent.state, sent.counts) == (
        "succeeded",
        {"added": 2, "updated": 0, "unchanged": 0, "refused": 1},
    )
    assert {k.country for k in SeedKeyword.objects.all()} == {"GB"}
    assert "added" in staff.get(f"{page}/change/").content.decode()
    report = b"".join(staff.get(f"{page}/report/").streaming_content).decode("utf-8-sig")
    assert report.splitlines()[0] == "line,keyword,code,reason" and "'=bad,bad_volume" in report


def test_a_message_that_comes_twice_is_done_once(sent):
    for _ in range(2):
        library_imports.library_import_run(import_id=sent.pk)
    sent.refresh_from_db()
    assert sent.counts["added"] == 2
    library_imports.library_import_run(import_id=0)


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_message(sent):
    at_once(3, lambda i: library_imports.library_import_run(import_id=sent.pk))
    sent.refresh_from_db()
    assert sent.counts["added"] == 2 and SeedKeyword.objects.count() == 2


def test_a_file_that_is_none_says_so(staff, sector, monkeypatch):
    monkeypatch.setattr(library_imports, "library_import_send", lambda *, import_id: None)
    for text, sentence in (("a,b\n1,2\n", "No keyword column"), (None, "No such file")):
        row = library_imports.library_import_start(
            file=SimpleUploadedFile("list.csv", (text or "Keyword\none\n").encode()),
            industry_sector=sector,
            country="",
            user_id=User.objects.get().pk,
        )
        if text is None:
            row.file.storage.delete(row.file.name)
        library_imports.library_import_run(import_id=row.pk)
        row.refresh_from_db()
        assert row.state == "failed" and sentence in row.error


def test_a_lost_message_is_sent_again(staff, sent, monkeypatch):
    again = []
    monkeypatch.setattr(planner_admin, "library_import_send", lambda *, import_id: again.append(import_id))
    staff.post("/admin/planner/libraryimport/", {"action": "send_again", "_selected_action": [sent.pk]})
    assert again == [sent.pk]


def test_the_library_goes_out_and_comes_in_again(staff, sector):
    SeedKeywordFactory(industry_sector=sector, keyword="=cmd", key="=cmd", volume=7)
    answer = staff.get("/admin/planner/seedkeyword/export/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0].startswith("Keyword,Country,Volume") and "'=cmd" in text
    template = b"".join(staff.get("/admin/planner/seedkeyword/template/").streaming_content).decode()
    page = staff.post(reverse(IMPORT), {"file": file_of(template), "sector": sector.pk, "country": ""})
    assert "1 added" in page.content.decode()


def test_who_may_not_add_gets_no_template(sector):
    client = Client()
    client.force_login(User.objects.create_user("r@example.com", "a long sentence is fine", is_staff=True))
    for path in ("export", "template"):
        assert client.get(f"/admin/planner/seedkeyword/{path}/").status_code == 403
