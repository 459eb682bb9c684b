"""A hosted site: /sites/<slug>/. Articles stand one level below it; nothing else there ends in a slash."""

from django.urls import path

from apps.publisher.views import site

urlpatterns = [
    path("<slug:site_slug>/", site.home, name="site-home"),
    path("<slug:site_slug>/sitemap.xml", site.sitemap, name="site-sitemap"),
    path("<slug:site_slug>/feed.xml", site.feed, name="site-feed"),
    path("<slug:site_slug>/robots.txt", site.robots, name="site-robots"),
    path("<slug:site_slug>/theme.css", site.style, name="site-style"),
    path("<slug:site_slug>/logo.png", site.logo, name="site-logo"),
    path("<slug:site_slug>/images/<str:name>", site.image, name="site-image"),
    path("<slug:site_slug>/category/<str:category>/", site.category, name="site-category"),
    path("<slug:site_slug>/<str:slug>/", site.article, name="site-article"),
]
