import re
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.fields import masked
from apps.core.http import AddressRefused, check_url
from apps.core.serializers import TenantSerializer
from apps.integration.models import SiteIntegration
from apps.integration.services.connections import connection_moved

ADDRESS = ("base_url", "auth_method", "username", "app_password")
_NAME = re.compile(r"[a-z0-9_-]+")


class MaskedField(serializers.CharField):
    """Written in clear, shown masked. What was shown, sent back, changes nothing."""

    def to_representation(self, value: str) -> str:
        return masked(value)


class IntegrationSerializer(TenantSerializer):
    app_password = MaskedField(
        max_length=200,
        required=False,
        help_text="Made in WordPress under Users, Profile, Application Passwords. Shown masked; the masked value sent "
        "back keeps it.",
    )
    message = serializers.SerializerMethodField()
    signing_secret = serializers.SerializerMethodField()
    post_types = serializers.DictField(
        child=serializers.CharField(max_length=20),
        required=False,
        help_text="By content type (post, page, product, taxonomy_term) the post type at the site that they become.",
    )
    taxonomies = serializers.DictField(
        child=serializers.CharField(max_length=32),
        required=False,
        help_text="Where categories and tags of articles go, by `categories` and `tags`; else the post type's own.",
    )

    class Meta:
        model = SiteIntegration
        fields = ["id", "site", "name", "platform", "base_url", "auth_method", "username", "app_password",
                  "signing_secret", "plugin_version", "post_types", "taxonomies", "author", "is_active", "status",
                  "last_error", "last_tested_at", "message", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["status", "last_error", "last_tested_at"]
        validators: list = []  # in validate(), with a sentence that says what to do

    @extend_schema_field(str)
    def get_message(self, integration: SiteIntegration) -> str:
        """What to do next."""
        if integration.status == SiteIntegration.Status.UNTESTED:
            return "Test the connection before you publish."
        return integration.last_error or "Connected."

    @extend_schema_field(str)
    def get_signing_secret(self, integration: SiteIntegration) -> str:
        """In clear in the answer that issues it, else masked."""
        issued = self.context.get("secret_issued")
        return integration.signing_secret if issued else masked(integration.signing_secret)

    def validate_post_types(self, chosen: dict) -> dict:
        return _chosen(chosen, ("post", "page", "product", "taxonomy_term"))

    def validate_taxonomies(self, chosen: dict) -> dict:
        return _chosen(chosen, ("categories", "tags"))

    def validate_base_url(self, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
            raise serializers.ValidationError(
                "Enter the address of the site, such as https://example.com, without anything after it."
            )
        try:
            check_url(url)
        except AddressRefused as error:
            raise serializers.ValidationError(str(error)) from error
        path = parts.path.rstrip("/")
        for tail in ("/wp-json", "/wp-admin", "/wp-login.php"):  # what people copy
            path = path.removesuffix(tail)
        return f"{parts.scheme}://{parts.netloc.lower()}{path}"

    def validate_app_password(self, password: str) -> str:
        if self.instance and password == masked(self.instance.app_password):
            return self.instance.app_password
        if password.startswith("••••"):
            raise serializers.ValidationError("This is the masked password. Enter the password itself.")
        return password

    def validate_site(self, site):
        if self.instance and site != self.instance.site:
            raise serializers.ValidationError(
                "A connection stays with its site. Make one for the other site."
            )
        return site

    def validate(self, data: dict) -> dict:
        site = data.get("site") or self.instance.site
        platform = data.get("platform") or (self.instance or SiteIntegration()).platform
        others = SiteIntegration.objects.filter(site=site, platform=platform)
        if others.exclude(pk=getattr(self.instance, "pk", None)).exists():
            raise serializers.ValidationError(
                {"site": "This site has a connection already. Change that one, or delete it first."}
            )
        self._check_credentials(data)
        moved = self.instance and data.get("base_url", self.instance.base_url) != self.instance.base_url
        by_password = self._value(data, "auth_method") == SiteIntegration.AuthMethod.APP_PASSWORD
        if moved and by_password and str(self.initial_data.get("app_password") or "••••").startswith("••••"):
            # Else whoever may change the address could have the password sent to a server of his own.
            raise serializers.ValidationError(
                {"app_password": "The address changes: enter the application password anew."}
            )
        return super().validate(data)

    def _value(self, data: dict, name: str):
        there = self.instance or SiteIntegration()
        return data.get(name, getattr(there, name))

    def _check_credentials(self, data: dict) -> None:
        """A password goes with its user; the plugin needs neither."""
        if self._value(data, "auth_method") == SiteIntegration.AuthMethod.PLUGIN:
            data["app_password"] = ""
            return
        missing = [name for name in ("username", "app_password") if not self._value(data, name)]
        if missing:
            raise serializers.ValidationError({name: "This field is required." for name in missing})

    def update(self, instance: SiteIntegration, data: dict) -> SiteIntegration:
        if any(name in data and data[name] != getattr(instance, name) for name in ADDRESS):
            instance.status, instance.last_error = SiteIntegration.Status.UNTESTED, ""
            instance.rest_root = ""
        before = instance.place
        instance = super().update(instance, data)
        if instance.place != before:
            connection_moved(integration=instance)
        return instance


def _chosen(chosen: dict, known: tuple[str, ...]) -> dict:
    """Names of WordPress's own by ours."""
    for name, value in chosen.items():
        if name not in known:
            raise serializers.ValidationError(f"There is no {name[:40]} here. Use {', '.join(known)}.")
        if not _NAME.fullmatch(value):
            raise serializers.ValidationError(
                f"“{value}” is no name of WordPress: use the short one, such as “event”."
            )
    return chosen


class CollectionSerializer(serializers.Serializer):
    post_type = serializers.RegexField(
        r"^[a-z0-9_-]+$",
        max_length=20,
        default="post",
        help_text="WordPress's name: post, page, product, event …",
    )
    taxonomy = serializers.RegexField(
        r"^[a-z0-9_-]+$",
        max_length=32,
        default="",
        allow_blank=True,
        help_text="Or this taxonomy alone: category …",
    )


class CheckSerializer(serializers.Serializer):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField()


class DiagnosisSerializer(serializers.Serializer):
    connected = serializers.BooleanField()
    cause = serializers.CharField(help_text="What is wrong, as a word; empty when all is well.")
    message = serializers.CharField(help_text="What is wrong and what to do.")
    site_name = serializers.CharField()
    user = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    plugin_version = serializers.CharField(help_text="Of the companion plugin; empty: the site has none.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="What this user may not do and can be done without."
    )
    checks = CheckSerializer(many=True)
