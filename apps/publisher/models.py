"""What went out, where, and how it went."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from apps.accounts.models import Account, Site
from apps.core.models import TenantModel, TenantQuerySet
from apps.writer.models import Content


class Target(models.TextChoices):
    HOSTED = "hosted"
    WORDPRESS = "wordpress"


class PublishingRecord(TenantModel):
    """One publication of a content: made when it was asked for, kept as its history."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PUBLISHING = "publishing"
        PUBLISHED = "published"
        FAILED = "failed"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="publishing_records")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="publishing_records")
    target = models.CharField(max_length=10, choices=Target)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reference = models.CharField(
        max_length=100, help_text="Who asked: a job or a run's item. Asked twice, one record."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    external_id = models.CharField(max_length=60, blank=True)
    external_url = models.URLField(max_length=600, blank=True)
    fields = models.JSONField(default=dict, help_text="By field: kept, changed or dropped.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(default=timezone.now, help_text="Somebody worked on it last.")
    next_try_at = models.DateTimeField(
        null=True, help_text="When it is tried again; empty when nothing is to come."
    )
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["content", "reference"], name="publishing_record_once")
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="publishing_record_site"),
            models.Index(
                fields=["touched_at"],
                name="publishing_record_open",
                condition=Q(status__in=["pending", "publishing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.content_id} to {self.target}: {self.status}"


class WordPressPost(TenantModel):
    """The post that an article is at a WordPress: the only one, by both unique keys. It outlives the connection."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="wordpress_posts")
    place = models.CharField(max_length=300, help_text="Which WordPress: host and path.")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="wordpress_posts")
    post_type = models.CharField(max_length=60, help_text="As the REST API calls it: posts, pages, product …")
    external_id = models.PositiveBigIntegerField()
    tidy_at = models.DateTimeField(
        null=True, help_text="An answer was lost: look then whether a second draft came late."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "WordPress post"
        constraints = [
            models.UniqueConstraint(fields=["content", "place"], name="wordpress_post_of_content"),
            models.UniqueConstraint(fields=["site", "place", "external_id"], name="wordpress_post_once"),
        ]
        indexes = [
            models.Index(fields=["tidy_at"], name="wordpress_post_tidy", condition=Q(tidy_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.place}: {self.external_id}"

    @property
    def path(self) -> str:
        """In the REST API."""
        return f"/wp/v2/{self.post_type}/{self.external_id}"


class WordPressMedium(TenantModel):
    """A picture in a WordPress's library, by what its bytes are: uploaded once."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="wordpress_media")
    place = models.CharField(max_length=300, help_text="Which WordPress: host and path.")
    sha256 = models.CharField(max_length=64)
    external_id = models.PositiveBigIntegerField()
    url = models.URLField(max_length=1000)
    alt = models.TextField(blank=True, help_text="The alt text that both sides last agreed on.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "WordPress medium"
        verbose_name_plural = "WordPress media"
        constraints = [
            models.UniqueConstraint(fields=["site", "place", "sha256"], name="wordpress_medium_once")
        ]

    def __str__(self) -> str:
        return f"{self.place}: medium {self.external_id}"


class HostedPageQuerySet(TenantQuerySet):
    def public(self, site_slug: str) -> "HostedPageQuerySet":
        """The pages that anybody may read of the site with this slug."""
        return self.filter(
            site__slug=site_slug,
            site__is_hosted=True,
            site__is_active=True,
            site__account__status=Account.Status.ACTIVE,
        )


class HostedPage(TenantModel):
    """A published page of a hosted site: a copy as it was approved, so that a later draft is not seen before its time.

    The pictures are copies too, kept by their public name: making one anew must not change a page that is out.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="pages")
    content = models.OneToOneField(Content, on_delete=models.CASCADE, related_name="hosted_page")
    slug = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    html = models.TextField()
    excerpt = models.TextField(blank=True)
    meta_title = models.CharField(max_length=200, blank=True)
    meta_description = models.CharField(max_length=400, blank=True)
    categories = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    images = models.JSONField(default=dict, help_text="By public file name: alt, caption, width, height.")
    featured = models.CharField(
        max_length=80, blank=True, help_text="The one of `images` that stands on top."
    )
    content_hash = models.CharField(max_length=64)
    published_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-published_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["site", "slug"], name="hosted_page_slug")]
        indexes = [
            models.Index(fields=["site", "-published_at", "-id"], name="hosted_page_newest"),
            GinIndex(fields=["images"], name="hosted_page_images"),
        ]

    objects = HostedPageQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title

    @property
    def url(self) -> str:
        """Absolute; needs `site`."""
        return f"{site_url(self.site)}{iri_to_uri(self.slug)}/"

    def image_url(self, name: str) -> str:
        return f"{site_url(self.site)}images/{name}"

    def file_path(self, name: str) -> str:
        """Where the storage keeps one of `images`."""
        return f"hosted/{self.content_id}/{name}"


def logo_path(theme: "SiteTheme", name: str) -> str:
    return f"logos/{theme.site_id}/{name}"


class SiteTheme(TenantModel):
    """How a hosted site looks, where it is not as we made it."""

    class Font(models.TextChoices):
        STANDARD = "standard"
        SERIF = "serif"
        SANS = "sans"
        ROUNDED = "rounded"
        MONO = "mono"

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="theme")
    accent = models.CharField(max_length=7, blank=True, help_text="Of links, as #rrggbb; empty: ours.")
    paper = models.CharField(max_length=7, blank=True, help_text="Behind the text.")
    ink = models.CharField(max_length=7, blank=True, help_text="Of the text.")
    font = models.CharField(max_length=8, choices=Font, default=Font.STANDARD)
    footer_text = models.CharField(max_length=500, blank=True)
    logo = models.FileField(upload_to=logo_path, max_length=200, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Theme of {self.site_id}"

    @property
    def logo_url(self) -> str:
        """Absolute; needs `site`. It changes with the picture."""
        return f"{site_url(self.site)}logo.png?v={self.logo.name[-14:-4]}" if self.logo else ""


def site_url(site: Site) -> str:
    """The absolute address at which we host a site."""
    return f"{settings.PUBLIC_URL}/sites/{site.slug}/"
