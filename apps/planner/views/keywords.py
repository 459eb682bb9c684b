"""Keywords of the sites' workflows."""

import hashlib
from dataclasses import asdict
from pathlib import PurePath
from uuid import uuid4

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.core.csv_files import csv_lines
from apps.core.models import Job
from apps.core.renderers import EnvelopeRenderer
from apps.core.serializers import CountSerializer, IdsSerializer, TaskIdSerializer
from apps.core.viewsets import TenantViewSet, requested_key
from apps.planner.filters import KeywordFilterSet
from apps.planner.keyword_files import CellError, UnreadableKeywordFile, preview, read_keywords
from apps.planner.models import Keyword
from apps.planner.serializers.keywords import (
    AddedSerializer,
    AddToWorkflowSerializer,
    BulkStatusSerializer,
    KeywordSerializer,
    UploadSerializer,
)
from apps.planner.services.keywords import keyword_create, keywords_delete
from apps.planner.services.library import keywords_add

EXPORT = {
    "Keyword": "keyword",
    "Country": "country",
    "Volume": "volume",
    "Difficulty": "difficulty",
    "Intent": "intent",
    "Status": "status",
    "Cluster": "cluster__name",
    "Sector": "sector__name",
    "Added": "created_at",
}
PREVIEW = inline_serializer(
    "KeywordFilePreview",
    {
        "tool": serializers.CharField(),
        "columns": serializers.DictField(
            child=serializers.CharField(), help_text="Field: its column in the file."
        ),
        "headers": serializers.ListField(child=serializers.CharField()),
        "encoding": serializers.CharField(allow_null=True),
        "delimiter": serializers.CharField(allow_null=True),
        "country": serializers.CharField(allow_null=True),
        "notes": serializers.ListField(child=serializers.CharField()),
        "sample": serializers.ListField(child=serializers.DictField()),
        "problems": serializers.ListField(child=serializers.DictField()),
        "problem_counts": serializers.DictField(child=serializers.IntegerField()),
        "keywords": serializers.IntegerField(),
        "checked": serializers.IntegerField(),
        "total": serializers.IntegerField(),
    },
)


class CsvRenderer(EnvelopeRenderer):
    """Lets a client ask for text/csv; the rows themselves are streamed past it."""

    media_type = "text/csv"
    format = "csv"


class KeywordViewSet(TenantViewSet):
    """The keywords a site works with."""

    area = "content"
    queryset = Keyword.objects.select_related("cluster")
    serializer_class = KeywordSerializer
    filterset_class = KeywordFilterSet
    search_fields = ["keyword"]
    ordering_fields = ["keyword", "volume", "difficulty", "country", "status", "created_at"]

    def perform_create(self, serializer):
        serializer.instance = keyword_create(account_id=self.tenant.account_id, **serializer.validated_data)

    def perform_destroy(self, instance):
        keywords_delete(account_id=instance.account_id, ids=[instance.pk])

    @extend_schema(request=IdsSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_delete(self, request):
        """Delete keywords for good, all or none."""
        ids = self.own_ids("ids", self.validated(IdsSerializer)["ids"])
        return Response({"deleted": keywords_delete(account_id=self.tenant.account_id, ids=ids)})

    @extend_schema(request=BulkStatusSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_status(self, request):
        """Move keywords to a status, all or none. A disabled one goes back to where it was."""
        data = self.validated(BulkStatusSerializer)
        ids = data["ids"]
        with transaction.atomic():
            rows = Keyword.objects.for_tenant(self.tenant).among(ids)
            moved = rows.move_to(data["status"], expected=len(ids))
            if moved != len(ids):
                self.own_ids("ids", ids)
        return Response({"updated": moved})

    @extend_schema(request=AddToWorkflowSerializer, responses=AddedSerializer)
    @action(detail=False, methods=["post"])
    def add_to_workflow(self, request):
        """Add keywords of the library to a site. What can not be added is skipped and counted."""
        data = self.validated(AddToWorkflowSerializer)
        sector = data.get("sector_id")
        return Response(
            keywords_add(
                account_id=self.tenant.account_id,
                site_id=data["site_id"].pk,
                sector_id=sector.pk if sector else None,
                seed_keyword_ids=data["seed_keyword_ids"],
                user_id=self.tenant.user_id,
            )
        )

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses=PolymorphicProxySerializer(
            "KeywordUploadAnswer", [TaskIdSerializer, PREVIEW], resource_type_field_name=None, many=False
        ),
    )
    @action(detail=False, methods=["post"], parser_classes=[MultiPartParser])
    def upload(self, request):
        """Import a keyword file into a site; `preview=true` only looks at it."""
        data = self.validated(UploadSerializer)
        file, country = data["file"], data.get("country")
        try:
            if data["preview"]:
                return Response(_shown(preview(file, file.name, country=country)))
            read_keywords(file, name=file.name, country=country)
        except (UnreadableKeywordFile, CellError) as error:
            raise ValidationError({"file": [str(error)]}) from None
        path = _path(file, self.tenant.account_id, requested_key(request))
        payload = {
            "path": path,
            "name": file.name,
            "site_id": data["site_id"].pk,
            "sector_id": data["sector_id"].pk,
            "country": country,
        }
        with transaction.atomic():  # the worker hears of it on commit, when the file is there
            answer = self.start_job("keywords.upload", payload)
            waiting = Job.objects.filter(pk=answer.data["task_id"], state=Job.State.PENDING).exists()
            if waiting and not default_storage.exists(path):
                file.seek(0)
                default_storage.save(path, file)
        return answer

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=False, pagination_class=None, renderer_classes=[EnvelopeRenderer, CsvRenderer])
    def export(self, request):
        """The keywords that the filters leave, as CSV."""
        rows = self.filter_queryset(self.get_queryset()).values_list(*EXPORT.values())
        return StreamingHttpResponse(
            csv_lines(EXPORT, rows.iterator(chunk_size=2000)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="keywords.csv"'},
        )


def _path(file: UploadedFile, account_id: int, idempotency_key: str | None) -> str:
    """Where the upload waits for its job: the same place when the same request is sent again."""
    digest = hashlib.sha256((idempotency_key or uuid4().hex).encode())
    for chunk in file.chunks():
        digest.update(chunk)
    suffix = PurePath(file.name).suffix[:10]
    return f"keyword-uploads/{account_id}/{digest.hexdigest()}{suffix if suffix[1:].isalnum() else ''}"


def _shown(look) -> dict:
    shown = {name: getattr(look, name) for name in PREVIEW.fields}
    return shown | {
        "sample": [asdict(r) for r in look.sample],
        "problems": [asdict(r) for r in look.problems],
    }
