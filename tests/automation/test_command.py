"""`manage.py run_pipeline`: from a file to pages, in one process."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.core import jobs
from apps.writer.models import Content

HEADER = "Keyword,Volume,Keyword Difficulty\n"


@pytest.mark.django_db(transaction=True)
def test_from_a_file_to_a_page(alice, ai_models, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "enqueue", lambda job_id, kind: None)
    file = tmp_path / "cold-brew_us_2026-05-01.csv"
    rows = [f"cold brew {word},{900 - n},20" for n, word in enumerate(["ratio", "time", "jar", "filter"])]
    file.write_text(HEADER + "\n".join(rows))
    out = StringIO()
    call_command(
        "run_pipeline", str(file), site=str(alice.site.pk), articles=1, here=True, watch=True, stdout=out
    )
    said = out.getvalue()
    assert "Library: 4 new" in said and "4 added" in said and "completed" in said
    assert Content.objects.get().status == "published"


@pytest.mark.django_db
def test_what_is_not_there_is_said(alice, tmp_path):
    with pytest.raises(CommandError, match="no file"):
        call_command("run_pipeline", str(tmp_path / "none.csv"), site=str(alice.site.pk))
    (tmp_path / "some.csv").write_text(HEADER)
    with pytest.raises(CommandError, match="no site nowhere"):
        call_command("run_pipeline", str(tmp_path / "some.csv"), site="nowhere")
