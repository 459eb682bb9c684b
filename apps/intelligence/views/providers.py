from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.renderers import respond
from apps.core.schema import also
from apps.core.viewsets import TenantMixin
from apps.intelligence.models import ProviderSettings
from apps.intelligence.serializers import (
    ImageSettingsSerializer,
    ProviderSettingsSerializer,
    ProviderTestedSerializer,
    ProviderTestSerializer,
)
from apps.intelligence.services.providers import provider_save, provider_settings, provider_test

Kind = ProviderSettings.Kind


class ProviderSettingsView(TenantMixin, APIView):
    """The account's own provider, over the platform's."""

    area = "settings"
    kind: str
    serializer_class = ProviderSettingsSerializer

    def show(self, row: ProviderSettings) -> dict:
        return self.serializer_class(row).data

    def get(self, request):
        """What the account set, and who does the work now. The key is never shown."""
        return Response(self.show(provider_settings(account_id=self.tenant.account_id, kind=self.kind)))

    def put(self, request):
        """Sets what is sent; the key stays while none is sent. To another address it must be entered again."""
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = provider_save(
            account_id=self.tenant.account_id, kind=self.kind, values=serializer.validated_data
        )
        return respond(self.show(row), "The settings were saved.")


class OpenAISettingsView(ProviderSettingsView):
    kind = Kind.OPENAI

    @extend_schema(operation_id="settings_openai_retrieve", responses=ProviderSettingsSerializer)
    def get(self, request):
        return super().get(request)

    @extend_schema(
        operation_id="settings_openai_update",
        request=ProviderSettingsSerializer,
        responses=ProviderSettingsSerializer,
    )
    def put(self, request):
        return super().put(request)


class AnthropicSettingsView(ProviderSettingsView):
    kind = Kind.ANTHROPIC

    @extend_schema(operation_id="settings_anthropic_retrieve", responses=ProviderSettingsSerializer)
    def get(self, request):
        return super().get(request)

    @extend_schema(
        operation_id="settings_anthropic_update",
        request=ProviderSettingsSerializer,
        responses=ProviderSettingsSerializer,
    )
    def put(self, request):
        return super().put(request)


class ImageSettingsView(ProviderSettingsView):
    """Who makes the images; without a key and an address of its own, those of `openai`."""

    kind = Kind.IMAGES
    serializer_class = ImageSettingsSerializer

    @extend_schema(operation_id="settings_image_generation_retrieve", responses=ImageSettingsSerializer)
    def get(self, request):
        return super().get(request)

    @extend_schema(
        operation_id="settings_image_generation_update",
        request=ImageSettingsSerializer,
        responses=ImageSettingsSerializer,
    )
    def put(self, request):
        return super().put(request)


class ProviderTestView(TenantMixin, APIView):
    """Whether a provider answers."""

    area = "settings"
    rate_scope = "ai"

    @extend_schema(
        operation_id="settings_integrations_test",
        request=ProviderTestSerializer,
        responses=ProviderTestedSerializer,
        extensions=also("502"),
    )
    def post(self, request):
        """Asks the provider with what is stored, or with what is sent instead of it. Nothing is stored.

        502 with a sentence that says what is wrong: the key, the model, the address, the credit there.
        """
        serializer = ProviderTestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        kind = values.pop("integration")
        result = provider_test(account_id=self.tenant.account_id, kind=kind, values=values)
        message = f"{result['provider']} answered for the model {result['model']} in {result['ms']} ms."
        return respond(result, message)
