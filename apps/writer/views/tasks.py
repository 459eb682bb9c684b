"""Writing tasks, and making them of ideas."""

from django.db import transaction
from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from apps.core.serializers import CountSerializer, IdsSerializer, TaskIdSerializer
from apps.core.viewsets import TenantMixin, TenantViewSet
from apps.planner.models import ContentIdea, Keyword
from apps.writer.filters import TaskFilterSet
from apps.writer.models import Content, Task
from apps.writer.serializers.tasks import (
    BulkCreateSerializer,
    BulkUpdateSerializer,
    IdeaIdsSerializer,
    TaskIdsSerializer,
    TaskSerializer,
)
from apps.writer.services.generation import generation_check
from apps.writer.services.tasks import (
    article_length,
    ideas_queued,
    tasks_claim,
    tasks_create,
    tasks_create_from_ideas,
    tasks_delete,
    tasks_move,
    tasks_update,
)


class IdeaTasksView(TenantMixin, GenericAPIView):
    area = "content"
    queryset = ContentIdea.objects.all()
    serializer_class = IdeaIdsSerializer

    @extend_schema(
        request=IdeaIdsSerializer,
        responses={200: {"type": "array", "items": {"type": "integer"}, "example": [41, 42]}},
        operation_id="planner_ideas_create_tasks",
    )
    def post(self, request):
        """Make a task of each idea. Answers the ids of the tasks; an idea that has one keeps it."""
        ids = self.own_ids("idea_ids", self.validated()["idea_ids"])
        return Response(tasks_create_from_ideas(account_id=self.tenant.account_id, idea_ids=ids)["task_ids"])


class TaskViewSet(TenantViewSet):
    """Articles to be written."""

    area = "content"
    rate_scope = "content"
    rate_scopes = {"generate_content": "ai", "auto_generate_content": "ai"}
    queryset = Task.objects.select_related("cluster").prefetch_related(
        Prefetch("keywords", Keyword.objects.only("id")),
        Prefetch("content", Content.objects.only("id", "task_id")),
    )
    serializer_class = TaskSerializer
    filterset_class = TaskFilterSet
    search_fields = ["title", "description"]
    ordering_fields = ["title", "status", "word_count", "created_at", "updated_at"]

    def perform_create(self, serializer):
        with transaction.atomic():
            length = {}
            if "word_count" not in serializer.validated_data:
                length["word_count"] = article_length(account_id=self.tenant.account_id)
            task = serializer.save(account_id=self.tenant.account_id, **length)
            ideas_queued([task.idea_id] if task.idea_id else [])
            tasks_claim([task.pk])

    def perform_destroy(self, instance):
        tasks_delete(account_id=self.tenant.account_id, ids=[instance.pk])

    def perform_update(self, serializer):
        with transaction.atomic():
            status = serializer.validated_data.pop("status", None)
            if status is not None:
                tasks_move(ids=[serializer.instance.pk], status=status)
            # All columns are saved: those that its writing changed since must be the new ones.
            serializer.instance = get_object_or_404(
                Task.objects.select_for_update(no_key=True), pk=serializer.instance.pk
            )
            task = serializer.save()
            ideas_queued([task.idea_id] if "idea" in serializer.validated_data and task.idea_id else [])
            tasks_claim([task.pk])
        # The prefetched keywords are the old ones.
        serializer.instance = self.get_queryset().get(pk=task.pk)

    @extend_schema(request=BulkCreateSerializer, responses=TaskSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk_create(self, request):
        """Make up to 500 tasks, all or none. `details.tasks` names the bad ones by their place, from 0."""
        rows = self.validated(BulkCreateSerializer)["tasks"]
        made = tasks_create(account_id=self.tenant.account_id, rows=rows)
        tasks = self.get_queryset().in_bulk([task.pk for task in made])
        return Response(self.get_serializer([tasks[task.pk] for task in made], many=True).data)

    @extend_schema(request=BulkUpdateSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_update(self, request):
        """Change the same fields of several tasks, or of none.

        By hand `status` only goes back to queued: of what failed, and of what is completed and has lost its article.
        """
        changes = dict(self.validated(BulkUpdateSerializer))
        ids = self.own_ids("ids", changes.pop("ids"))
        return Response(
            {"updated": tasks_update(account_id=self.tenant.account_id, ids=ids, changes=changes)}
        )

    @extend_schema(request=IdsSerializer, responses=CountSerializer)
    @action(detail=False, methods=["post"])
    def bulk_delete(self, request):
        """Delete several tasks. Their articles stay."""
        ids = self.own_ids("ids", self.validated(IdsSerializer)["ids"])
        return Response({"deleted": tasks_delete(account_id=self.tenant.account_id, ids=ids)})

    @extend_schema(request=None, responses=TaskIdSerializer)
    @action(detail=True, methods=["post"])
    def generate_content(self, request, pk=None):
        """Have the article of the task written. The job's result: content_ids, failed, credits."""
        return self._generate([self.get_object().pk])

    @extend_schema(request=TaskIdsSerializer, responses=TaskIdSerializer)
    @action(detail=False, methods=["post"])
    def auto_generate_content(self, request):
        """Have the articles of several tasks written. 402 when the credits are not there for all of them."""
        return self._generate(self.own_ids("task_ids", self.validated(TaskIdsSerializer)["task_ids"]))

    def _generate(self, ids: list[int]) -> Response:
        if not self.asked_before():
            generation_check(account_id=self.tenant.account_id, task_ids=ids)
        return self.start_job("content.generate", {"task_ids": ids}, total=len(ids))
