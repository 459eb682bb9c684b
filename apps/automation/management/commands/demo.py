import secrets
from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.accounts.models import IndustrySector, Plan, Sector, Site, Subscription, User
from apps.accounts.services.accounts import account_register, site_create
from apps.automation.models import Run
from apps.automation.services.walk import Limits, file_import, walk_start
from apps.automation.services.watch import run_watch
from apps.billing.services.ledger import credits_grant
from apps.publisher.models import HostedPage

EMAIL = "demo@example.com"
SAMPLE = "sample_keywords.csv"


class Command(BaseCommand):
    help = "Makes a demo account with a site and a sample list, runs the seven stages, prints where to look."

    def add_arguments(self, parser):
        parser.add_argument("--articles", type=int, default=12)
        parser.add_argument("--here", action="store_true", help="Work in this process instead of a worker.")

    def handle(self, *args, articles: int, here: bool, **options):
        password = None
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            user, password = self._account()
        site = self._site(user)
        sector = Sector.objects.filter(site=site).select_related("industry_sector").get()
        run = Run.objects.filter(site=site).order_by("-pk").first()
        if run is None:
            file = Path(apps.get_app_config("planner").path) / "data" / SAMPLE
            imported, added = file_import(path=file, sector=sector, country="US")
            self.stdout.write(
                f"{imported.added} sample keywords in the library, {added['added']} in the workflow."
            )
            run = walk_start(site=site, limits=Limits(articles=articles))
        if run.status != Run.Status.COMPLETED:
            run = run_watch(run=run, here=here)
        if run.status != Run.Status.COMPLETED:
            raise CommandError(
                f"The demo run is {run.status}: {run.error_message or 'see the log of the worker'}."
            )
        self._tell(site, password)

    def _account(self) -> tuple[User, str]:
        """An owner who is staff as well, so that one password opens the dashboard's API and the admin."""
        call_command("load_catalogue", verbosity=0)
        password = secrets.token_urlsafe(12)
        user = account_register(
            email=EMAIL, password=password, first_name="Demo", account_name="Demo account"
        )
        user.is_staff = user.is_superuser = True
        user.email_verified_at = timezone.now()
        user.save(update_fields=["is_staff", "is_superuser", "email_verified_at"])
        plan, _ = Plan.objects.get_or_create(
            slug="demo", defaults={"name": "Demo", "monthly_credits": 5000, "is_active": False}
        )
        Subscription.objects.filter(account=user.account).update(plan=plan)
        credits_grant(
            account_id=user.account_id,
            amount=10_000,
            kind="adjustment",
            reference="demo",
            expires_at=timezone.now() + timedelta(days=365),
            note="To try the product with.",
        )
        return user, password

    def _site(self, user: User) -> Site:
        site = Site.objects.filter(account=user.account).order_by("pk").first()
        if site:
            return site
        coffee = IndustrySector.objects.get(slug="coffee-tea")
        return site_create(
            account_id=user.account_id,
            name="The Coffee Notebook",
            domain="coffee.example.com",
            industry=coffee.industry,
            industry_sectors=[coffee],
        )

    def _tell(self, site: Site, password: str | None) -> None:
        pages = HostedPage.objects.filter(site=site).count()
        base = settings.PUBLIC_URL
        lines = [
            "",
            f"  {pages} articles are published.",
            f"  The site     {base}/sites/{site.slug}/",
            f"  API docs     {base}/api/docs/",
            f"  Admin        {base}/admin/",
        ]
        if password:
            lines += [
                f"  Log in       {EMAIL}  {password}",
                "  The password is shown this once; `manage.py changepassword` makes another.",
            ]
        self.stdout.write("\n".join([*lines, ""]))
