import re
from urllib.parse import urlsplit

from rest_framework import serializers
from rest_framework.validators import UniqueTogetherValidator

from apps.accounts.models import ApiKey, Industry, IndustrySector, Plan, Sector, Site
from apps.accounts.serializers.fields import a_language, a_site_timezone
from apps.core.rows import RowSerializer
from apps.core.serializers import IdRelatedField, IdsField, TenantSerializer

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(
    rf"localhost|(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}}|[0-9]{{1,3}})", re.IGNORECASE
)


class PlanSerializer(RowSerializer):
    class Meta:
        model = Plan
        fields = ["id", "name", "slug", "price", "currency", "monthly_credits", "rolls_over", "max_sites", "max_users",
                  "max_keywords", "max_content", "max_images"]  # fmt: skip


class IndustrySectorSerializer(RowSerializer):
    class Meta:
        model = IndustrySector
        fields = ["id", "name", "slug", "description"]


class IndustrySerializer(RowSerializer):
    sectors = IndustrySectorSerializer(many=True)

    class Meta:
        model = Industry
        fields = ["id", "name", "slug", "description", "sectors"]


class SiteSerializer(TenantSerializer):
    industry = IdRelatedField(
        queryset=Industry.objects.filter(is_active=True), required=False, allow_null=True
    )
    industry_sectors = IdsField(
        max_length=200, allow_empty=True, required=False, write_only=True,
        help_text="The catalogue's sectors; the site's own are made with it.",
    )  # fmt: skip

    class Meta:
        model = Site
        fields = ["id", "name", "slug", "domain", "industry", "industry_sectors", "timezone", "language", "is_hosted",
                  "is_active", "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["slug"]
        extra_kwargs = {
            "timezone": {"validators": [a_site_timezone]},
            "language": {"validators": [a_language]},
        }

    def validate_industry_sectors(self, ids: list[int]) -> list[IndustrySector]:
        found = IndustrySector.objects.filter(is_active=True).in_bulk(ids)
        missing = [i for i in ids if i not in found]
        if missing:
            raise serializers.ValidationError(f"The catalogue has no sector {missing[0]}.")
        return [found[i] for i in ids]

    def validate_domain(self, value: str) -> str:
        parts = urlsplit(value if "//" in value else f"//{value}")
        host = (parts.hostname or "").rstrip(".")
        try:
            port = f":{parts.port}" if parts.port else ""
            ascii_host = host.encode("idna").decode() if host else ""
        except (ValueError, UnicodeError):
            ascii_host, port = "", ""
        if not HOST.fullmatch(ascii_host) or len(ascii_host) > 253:
            raise serializers.ValidationError("Give the site's host name, such as www.example.com.")
        taken = Site.objects.filter(
            account_id=self.context["request"].tenant.account_id, domain=ascii_host + port
        )
        if taken.exclude(pk=getattr(self.instance, "pk", None)).exists():
            raise serializers.ValidationError("You have a site with this domain already.")
        return ascii_host + port


class SectorSerializer(TenantSerializer):
    industry_sector = IdRelatedField(queryset=IndustrySector.objects.filter(is_active=True))
    industry_sector_name = serializers.CharField(source="industry_sector.name", read_only=True)
    name = serializers.CharField(max_length=120, required=False)

    class Meta:
        model = Sector
        fields = ["id", "site", "industry_sector", "industry_sector_name", "name", "is_active", "created_at"]
        validators = [
            UniqueTogetherValidator(
                queryset=Sector.objects.all(),
                fields=["site", "industry_sector"],
                message="The site has this sector already.",
            )
        ]

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        for name in ("site", "industry_sector") if self.instance else ():
            # Its keywords and articles belong to that site, and were chosen by that part of the catalogue.
            if name in attrs and attrs[name].pk != getattr(self.instance, f"{name}_id"):
                raise serializers.ValidationError(
                    {name: ["It stays as it was made. Make another sector instead."]}
                )
        if self.instance is None and not attrs.get("name"):
            attrs["name"] = attrs["industry_sector"].name
        return attrs


class ApiKeySerializer(RowSerializer):
    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "created_at", "last_used_at", "revoked_at"]
        read_only_fields = ["prefix", "last_used_at", "revoked_at"]


class NewApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = ["id", "name", "prefix", "key", "created_at"]
