from django.urls import path

from apps.intelligence.views import products

urlpatterns = [
    path("scoring/tasks", products.ScoringTasksView.as_view()),
    path("scoring/submit", products.ScoringSubmitView.as_view()),
    path("scoring/axes", products.AxesView.as_view()),
    path("categories", products.CategoryTreeView.as_view()),
    path("categories/tasks", products.CategoryTasksView.as_view()),
    path("categories/submit", products.CategorySubmitView.as_view()),
    path("products", products.ProductsView.as_view()),
]
