"""python -m config.prepare [static]: bring database and static files to the state that this code needs.

What a release runs before its processes start, and `make run` each time: quick when there is nothing to do.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import OperationalError


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    if sys.argv[1:] == ["static"]:  # as an image is built, where there is no database
        collect_static()
        return 0
    try:
        # Called like this migrate checks nothing, as it does from the command line.
        if errors := run_checks(tags=[Tags.database], databases=["default"]):
            print(*errors, sep="\n", file=sys.stderr)
            return 1
        call_command("migrate", interactive=False, verbosity=1 if sys.stdout.isatty() else 0)
        collect_static()
        call_command("load_catalogue")
    except OperationalError as error:
        database = settings.DATABASES["default"]
        place = f"{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
        print(f"The database at {place} cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


def collect_static() -> None:
    """Collect the static files unless they are those of the last time: to compress them takes seconds."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_size} {int(found.st_mtime)}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest.hexdigest())


if __name__ == "__main__":
    sys.exit(main())
