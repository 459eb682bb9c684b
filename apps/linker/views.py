"""Internal links: put in, listed, undone; and the pages that have none."""

import hashlib
import uuid

from django.db.models import Count
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.billing.services.ledger import Superseded
from apps.billing.services.prices import price_of
from apps.billing.services.reserved import credits_check
from apps.core.errors import Conflict
from apps.core.filters import IdFilter, SiteFilterSet
from apps.core.serializers import TaskIdSerializer
from apps.core.viewsets import TenantMixin, TenantReadViewSet, requested_key
from apps.linker.models import Link, LinkPass
from apps.linker.serializers import (
    BatchProcessSerializer,
    InternalLinkSerializer,
    LinkPassSerializer,
    LinkResultSerializer,
    OrphanSerializer,
    ProcessLinksSerializer,
    UndoneSerializer,
)
from apps.linker.services.orphans import orphans_find
from apps.linker.services.passes import links_apply, links_suggest
from apps.linker.services.undo import pass_undo
from apps.writer.models import Content


class LinkerViewSet(TenantMixin, viewsets.GenericViewSet):
    """Links between the pages of a site."""

    area = "content"
    rate_scope = "ai"
    queryset = Content.objects.all()
    serializer_class = ProcessLinksSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=ProcessLinksSerializer, responses=LinkResultSerializer)
    @action(detail=False, methods=["post"])
    def process(self, request):
        """Link an article to other pages of its site, at once: where their keywords stand in its text, or what means
        the same.

        Costs a link pass when links were added. What is published gets them when it is published again.
        """
        data = self.validated()
        content = data["content_id"]
        wanted = {name: data[name] for name in ("max_links", "target_ids")}
        if wanted["target_ids"]:
            self.own_ids("target_ids", wanted["target_ids"])
        if data["dry_run"]:
            return Response(links_suggest(account_id=self.tenant.account_id, content_id=content.pk, **wanted))
        key = requested_key(request)
        name = hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid.uuid4().hex
        try:
            result = links_apply(
                account_id=self.tenant.account_id,
                content_id=content.pk,
                reference=f"link:{name}",
                use_model=data["use_model"],
                user_id=self.tenant.user_id,
                **wanted,
            )
        except Superseded:
            raise Conflict(
                "Another request with this Idempotency-Key does it. Ask again for its result."
            ) from None
        return Response(result)

    @extend_schema(request=BatchProcessSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def batch_process(self, request):
        """Link many articles. Result: contents [{content_id, pass_id, links}], failed [{content_id, error}], links
        (how many), credits. `links` of a content is how many, of a dry run the links themselves."""
        data = self.validated(BatchProcessSerializer)
        ids = self.own_ids("content_ids", data["content_ids"])
        if not data["dry_run"] and not self.asked_before():
            amount = price_of(operation="linking", items=1) * len(ids)
            credits_check(account_id=self.tenant.account_id, amount=amount, operation="linking")
        return self.start_job("linker.batch", {**data, "content_ids": ids}, total=len(ids))


class LinkFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="content_id")
    target_id = IdFilter(field_name="target_id")
    pass_id = IdFilter(field_name="link_pass_id")

    class Meta:
        model = Link
        fields = {"status": ["exact"], "reason": ["exact"], "created_at": ["gte", "lt"]}


class LinkViewSet(mixins.ListModelMixin, TenantMixin, viewsets.GenericViewSet):
    """The links that passes have put in, undone ones too."""

    area = "content"
    queryset = Link.objects.select_related("content", "target")
    serializer_class = InternalLinkSerializer
    filterset_class = LinkFilterSet
    search_fields = ["anchor", "url", "content__title", "target__title"]
    ordering_fields = ["created_at", "score", "status", "anchor"]


class PassFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="content_id")

    class Meta:
        model = LinkPass
        fields = {"status": ["exact"], "created_at": ["gte", "lt"]}


class PassViewSet(TenantReadViewSet):
    """Passes over articles: what each put in, and its undo."""

    area = "content"
    queryset = LinkPass.objects.select_related("content")
    serializer_class = LinkPassSerializer
    filterset_class = PassFilterSet
    search_fields = ["content__title"]
    ordering_fields = ["created_at", "status", "credits", "link_count"]

    def get_queryset(self):
        return super().get_queryset().annotate(link_count=Count("links"))

    @extend_schema(request=None, responses=UndoneSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request, pk=None):
        """Take the links of a pass out again. A text that was not changed since becomes what it was, byte for byte;
        of one that was, the links go that still stand. The credits stay spent."""
        row = self.get_object()
        return Response(
            pass_undo(account_id=self.tenant.account_id, pass_id=row.pk, by=self.request.user.email)
        )


class SiteIdSerializer(serializers.Serializer):
    site_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class OrphanViewSet(mixins.ListModelMixin, TenantMixin, viewsets.GenericViewSet):
    """Published pages of a site to which no published text of another one links."""

    area = "content"
    queryset = Content.objects.all()
    serializer_class = OrphanSerializer
    filterset_fields = ["origin", "content_type"]
    search_fields = ["title", "slug", "primary_keyword"]
    ordering_fields = ["title", "published_at"]

    def get_queryset(self):
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        asked = SiteIdSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        site_id = asked.validated_data["site_id"]
        if not self.tenant.sees_site(site_id):
            return rows.none()
        return rows.filter(pk__in=orphans_find(account_id=self.tenant.account_id, site_id=site_id))

    @extend_schema(parameters=[OpenApiParameter("site_id", int, required=True)])
    def list(self, request, *args, **kwargs):
        """The orphans of a site: link to them from pages that speak of the same."""
        return super().list(request, *args, **kwargs)
