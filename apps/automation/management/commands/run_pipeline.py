from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from tqdm import tqdm

from apps.accounts.models import IndustrySector, Sector, Site
from apps.automation.services.walk import Limits, file_import, walk_start
from apps.automation.services.watch import run_watch
from apps.core.errors import AppError
from apps.planner.services.files import UnreadableKeywordFile


class Command(BaseCommand):
    help = (
        "Walks a keyword file through the seven stages: imported, clustered, written, illustrated, published."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--site", required=True, help="The site's id, slug or domain.")
        parser.add_argument("--sector", help="The catalogue's sector, id or slug; else the site's only one.")
        parser.add_argument("--country", help="Two letters; else what the file says, else US.")
        parser.add_argument(
            "--articles", type=int, default=20, help="At most this many; 0 for all (default 20)."
        )
        parser.add_argument("--images", type=int, default=1, help="Images an article (default 1).")
        parser.add_argument("--watch", action="store_true", help="Show the stages until the run ends.")
        parser.add_argument("--here", action="store_true", help="Work in this process instead of a worker.")

    def handle(self, *args, file: Path, **options):
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        site = self._site(options["site"])
        sector = self._sector(site, options["sector"])
        limits = Limits(articles=options["articles"], images=options["images"])
        try:
            with tqdm(desc="Import", unit=" rows", dynamic_ncols=True) as bar:
                imported, added = file_import(
                    path=file,
                    sector=sector,
                    country=options["country"],
                    progress=lambda rows: bar.update(rows - bar.n),
                )
            self.stdout.write(
                f"Library: {imported.added} new, {imported.updated} changed, {imported.unchanged} unchanged, "
                f"{len(imported.refused)} refused. Workflow: {added['added']} added, {added['skipped']} skipped"
                + (
                    f" ({', '.join(f'{c}: {n}' for c, n in added['reasons'].items())})."
                    if added["reasons"]
                    else "."
                )
            )
            run = walk_start(site=site, limits=limits)
        except (AppError, UnreadableKeywordFile, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run {run.pk} has begun.")
        if options["watch"] or options["here"]:
            run = run_watch(run=run, here=options["here"])
            self.stdout.write(
                f"Run {run.pk}: {run.status}." + (f" {run.error_message}" if run.error_message else "")
            )
            if run.status != run.Status.COMPLETED:
                raise CommandError("The run did not complete. Mend what it says, then resume it.")
        self.stdout.write(f"The site: {settings.PUBLIC_URL}/sites/{site.slug}/")

    def _site(self, given: str) -> Site:
        by = Q(slug=given) | Q(domain=given)
        if given.isdigit():
            by |= Q(pk=given)
        sites = list(Site.objects.filter(by)[:2])
        if len(sites) != 1:
            raise CommandError(
                f"There is {'no' if not sites else 'more than one'} site {given}. Give its id."
            )
        return sites[0]

    def _sector(self, site: Site, given: str | None) -> Sector:
        sectors = Sector.objects.filter(site=site).select_related("industry_sector")
        if given is None:
            found = list(sectors[:2])
            if len(found) != 1:
                raise CommandError("The site has not exactly one sector. Say which: --sector ID_OR_SLUG.")
            return found[0]
        by = Q(slug=given) | (Q(pk=given) if given.isdigit() else Q())
        catalogue = IndustrySector.objects.filter(by).first()
        if catalogue is None:
            raise CommandError(
                f"The catalogue has no sector {given}. See manage.py load_catalogue, or the admin."
            )
        sector, _ = Sector.objects.get_or_create(
            site=site,
            industry_sector=catalogue,
            defaults={"account_id": site.account_id, "name": catalogue.name},
        )
        return sector
