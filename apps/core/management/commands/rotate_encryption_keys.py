"""After a new key was put first into FIELD_ENCRYPTION_KEYS: write every encrypted value anew with it."""

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from django.db.models.functions import Cast
from tqdm import tqdm

from apps.core.fields import DecryptionError, EncryptedTextField


class Command(BaseCommand):
    help = (
        "Writes every encrypted field with the first of FIELD_ENCRYPTION_KEYS; then the old keys may go. "
        "Can be stopped and run again at any time, also while the product runs."
    )

    def add_arguments(self, parser):
        parser.add_argument("--batch-size", type=int, default=500, help="rows locked at a time (default 500)")

    def handle(self, *, batch_size: int, **options):
        if batch_size < 1:
            raise CommandError("--batch-size must be at least 1.")
        unreadable = []
        for model in apps.get_models():
            for field in model._meta.local_concrete_fields:
                if isinstance(field, EncryptedTextField) and model._meta.managed and not model._meta.proxy:
                    unreadable += self._rotate(model, field, batch_size)
        if unreadable:
            shown = ", ".join(unreadable[:20]) + (" …" if len(unreadable) > 20 else "")
            raise CommandError(
                f"{len(unreadable)} values could not be read and stay as they were: {shown}. No key in "
                "FIELD_ENCRYPTION_KEYS fits: add the key they were written with and run this again."
            )

    def _rotate(self, model: type[models.Model], field: EncryptedTextField, batch_size: int) -> list[str]:
        # The cast reads the ciphertext itself: one unreadable row does not hide the others of its batch.
        rows = (
            model._base_manager.filter(**{f"{field.name}__isnull": False})
            .annotate(_stored=Cast(field.name, models.TextField()))
            .order_by("pk")
        )
        unreadable, done, last = [], 0, None
        with tqdm(total=rows.count(), desc=f"{field}", unit=" values", disable=None) as progress:
            while True:
                with transaction.atomic():
                    rest = rows if last is None else rows.filter(pk__gt=last)
                    # Locked, so that what is saved meanwhile is not overwritten with what was read before.
                    batch = list(rest.select_for_update().values_list("pk", "_stored")[:batch_size])
                    readable = []
                    for pk, stored in batch:
                        try:
                            readable.append(
                                model(pk=pk, **{field.name: field.from_db_value(stored, None, None)})
                            )
                        except DecryptionError:
                            unreadable.append(f"{field} of {pk}")
                    model._base_manager.bulk_update(readable, [field.name])
                if not batch:
                    break
                last = batch[-1][0]
                done += len(readable)
                progress.update(len(batch))
        self.stdout.write(f"{field}: {done} values")
        return unreadable
