"""Files that staff give to the library: merged by a worker, with a report on what was not taken."""

from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import IndustrySector
from apps.core.csv_files import csv_lines
from apps.core.models import Job
from apps.core.queues import Queue
from apps.planner.keyword_files import CellError, UnreadableKeywordFile
from apps.planner.models import LibraryImport
from apps.planner.services.library import keywords_import, library_tidy

ENDED = (Job.State.SUCCEEDED, Job.State.FAILED)


def library_import_start(
    *, file: UploadedFile, industry_sector: IndustrySector, country: str, user_id: int
) -> LibraryImport:
    """Keeps the file and hands it to a worker."""
    with transaction.atomic():
        row = LibraryImport.objects.create(
            file=file,
            name=file.name[:200],
            industry_sector=industry_sector,
            country=country,
            user_id=user_id,
        )
        library_import_send(import_id=row.pk)
    return row


def library_import_send(*, import_id: int) -> None:
    """Sends the message, on commit. Sent twice it is done once."""
    transaction.on_commit(
        lambda: current_app.send_task(
            "apps.planner.tasks.import_library", [import_id], queue=Queue.DEFAULT, retry=False
        ),
        robust=True,
    )


def library_import_run(*, import_id: int) -> None:
    """Merges the file; the rows and the word that they are there are one transaction."""
    with transaction.atomic():
        # A message that came twice waits here for the first.
        row = LibraryImport.objects.select_for_update(of=["self"]).select_related("industry_sector")
        row = row.filter(pk=import_id).exclude(state__in=ENDED).first()
        if row is None:
            return
        try:
            with row.file.open("rb") as file:
                result = keywords_import(
                    file=file,
                    name=row.name,
                    industry_sector=row.industry_sector,
                    country=row.country or None,
                )
        except (UnreadableKeywordFile, CellError, FileNotFoundError) as error:
            row.state, row.error = Job.State.FAILED, str(error)
        else:
            row.state = Job.State.SUCCEEDED
            row.counts = {
                "added": result.added,
                "updated": result.updated,
                "unchanged": result.unchanged,
                "refused": len(result.refused),
            }
            refused = ((r.line, r.keyword, r.code, r.reason) for r in result.refused)
            lines = csv_lines(("line", "keyword", "code", "reason"), refused)
            row.report.save(f"refused-{row.pk}.csv", ContentFile("".join(lines).encode()), save=False)
        row.finished_at = timezone.now()
        row.save()
    library_tidy(changed=row.counts.get("added", 0) + row.counts.get("updated", 0))
