from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from apps.core.filters import FilterSet
from apps.core.renderers import respond
from apps.core.viewsets import TenantMixin
from apps.intelligence.functions import by_prompt_type
from apps.intelligence.models import PromptVersion
from apps.intelligence.serializers import (
    DiffQuerySerializer,
    PromptDiffSerializer,
    PromptSerializer,
    PromptVersionSerializer,
)
from apps.intelligence.services.prompts import (
    prompt_diff,
    prompt_function,
    prompt_reset,
    prompt_rows,
    prompt_save,
    versions_of,
)

TYPE = OpenApiParameter("prompt_type", str, "path", description="clustering, ideas, content, image_prompt, …")


class PromptViewSet(TenantMixin, viewsets.ViewSet):
    """What the models are asked: the account's own version of a prompt over the default."""

    area = "settings"
    lookup_field = "prompt_type"

    def _one(self, prompt_type: str) -> dict:
        prompt_function(prompt_type)
        return prompt_rows(account_id=self.tenant.account_id, prompt_types=[prompt_type])[0]

    @extend_schema(operation_id="system_prompts_list", responses=PromptSerializer(many=True))
    def list(self, request):
        """All prompts, as they are in force."""
        rows = prompt_rows(account_id=self.tenant.account_id, prompt_types=sorted(by_prompt_type()))
        return Response(rows)

    @extend_schema(responses=PromptSerializer, parameters=[TYPE])
    def retrieve(self, request, prompt_type):
        """A prompt as it is in force, its variables and its default."""
        return Response(self._one(prompt_type))

    @extend_schema(request=PromptSerializer, responses=PromptSerializer, parameters=[TYPE])
    def update(self, request, prompt_type):
        """Save a new version. A variable that the prompt does not have is refused, and so is a needed one left out."""
        prompt_function(prompt_type)
        serializer = PromptSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        saved = prompt_save(
            account_id=self.tenant.account_id,
            prompt_type=prompt_type,
            template=values["template"],
            version=values.get("version"),
            user_id=self.tenant.user_id,
        )
        return respond(self._one(prompt_type), "The prompt was saved." if saved else "It was so already.")

    @extend_schema(request=None, responses=PromptSerializer, parameters=[TYPE])
    @action(detail=True, methods=["post"])
    def reset(self, request, prompt_type):
        """Go back to the default. The versions stay, and can be saved again."""
        prompt_reset(account_id=self.tenant.account_id, prompt_type=prompt_type, user_id=self.tenant.user_id)
        return respond(self._one(prompt_type), "The default is in force.")

    @extend_schema(
        responses=PromptDiffSerializer,
        parameters=[
            TYPE,
            OpenApiParameter("old", int, description="A version; 0, the default, is the product's own."),
            OpenApiParameter("new", int, description="A version; default: the one in force."),
        ],
    )
    @action(detail=True, methods=["get"])
    def diff(self, request, prompt_type):
        """What two versions differ in."""
        asked = DiffQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        new = asked.validated_data.get("new", self._one(prompt_type)["version"])
        return Response(
            prompt_diff(
                account_id=self.tenant.account_id,
                prompt_type=prompt_type,
                old=asked.validated_data["old"],
                new=new,
            )
        )


class PromptVersionFilterSet(FilterSet):
    class Meta:
        model = PromptVersion
        fields = {"created_at": ["gte", "lt"], "version": ["exact", "gte", "lte"]}


@extend_schema_view(list=extend_schema(parameters=[TYPE]))
class PromptVersionViewSet(TenantMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """Every version of a prompt that the account saved, the newest first."""

    area = "settings"
    serializer_class = PromptVersionSerializer
    filterset_class = PromptVersionFilterSet
    ordering_fields = ["version", "created_at"]
    search_fields = ["template", "created_by__email"]

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return PromptVersion.objects.none()
        prompt_type = self.kwargs["prompt_type"]
        prompt_function(prompt_type)
        rows = versions_of(account_id=self.tenant.account_id, prompt_type=prompt_type)
        return rows.select_related("created_by")
