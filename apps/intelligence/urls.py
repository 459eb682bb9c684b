from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.intelligence.views import models, prompts, providers

router = SimpleRouter()
router.register("ai-models", models.AIModelViewSet, basename="ai-model")
router.register("prompts", prompts.PromptViewSet, basename="prompt")

urlpatterns = [
    path("settings/integrations/openai/", providers.OpenAISettingsView.as_view()),
    path("settings/integrations/anthropic/", providers.AnthropicSettingsView.as_view()),
    path("settings/integrations/image_generation/", providers.ImageSettingsView.as_view()),
    path("settings/integrations/test/", providers.ProviderTestView.as_view()),
    path(
        "prompts/<slug:prompt_type>/versions/",
        prompts.PromptVersionViewSet.as_view({"get": "list"}),
    ),
    *router.urls,
]
