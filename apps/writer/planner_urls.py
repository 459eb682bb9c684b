from django.urls import path

from apps.writer.views.tasks import IdeaTasksView

urlpatterns = [path("ideas/create_tasks/", IdeaTasksView.as_view(), name="idea-tasks")]
