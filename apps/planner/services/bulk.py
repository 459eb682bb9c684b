"""Changing many rows at once."""

from django.db import transaction
from django.utils import timezone

from apps.planner.models import WorkflowQuerySet


def bulk_update(*, rows: WorkflowQuerySet, status: str | None = None, **fields) -> int:
    """Sets the fields and moves the status of all rows, or of none (Conflict). Returns how many rows there are."""
    with transaction.atomic():
        if status is not None:
            rows.move_to(status)
        return rows.update(**fields, updated_at=timezone.now())
