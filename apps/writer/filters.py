import django_filters
from django.db.models import Exists, OuterRef

from apps.core.filters import FilterSet, IdFilter, SiteFilterSet, StrictBooleanFilter
from apps.writer.models import Content, ContentVersion, Image, Task, Taxonomy
from apps.writer.services.spelling import content_named


class StatesFilter(django_filters.BaseInFilter, django_filters.ChoiceFilter):
    """`draft,review`: an unknown one is a 400."""


class TaskFilterSet(SiteFilterSet):
    sector_id = IdFilter(field_name="sector_id")
    cluster_id = IdFilter(field_name="cluster_id")
    idea_id = IdFilter(field_name="idea_id")
    status__in = StatesFilter(field_name="status", choices=Task.Status.choices)

    class Meta:
        model = Task
        fields = ["status", "content_type", "structure"]


class ContentFilterSet(SiteFilterSet):
    sector_id = IdFilter(field_name="sector_id")
    cluster_id = IdFilter(field_name="cluster_id")
    task_id = IdFilter(field_name="task_id")
    status__in = StatesFilter(field_name="status", choices=Content.Status.choices)
    site_status__in = StatesFilter(field_name="site_status", choices=Content.SiteStatus.choices)
    keyword = django_filters.CharFilter(field_name="primary_keyword", lookup_expr="iexact")
    has_images = StrictBooleanFilter(method="with_images", help_text="Whether one of its images is made.")
    word_count_min = django_filters.NumberFilter("word_count", "gte", min_value=0)
    word_count_max = django_filters.NumberFilter("word_count", "lte", min_value=0)
    updated_after = django_filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    published_after = django_filters.IsoDateTimeFilter(field_name="published_at", lookup_expr="gte")
    published_before = django_filters.IsoDateTimeFilter(field_name="published_at", lookup_expr="lt")
    scheduled_after = django_filters.IsoDateTimeFilter(field_name="scheduled_publish_at", lookup_expr="gte")
    scheduled_before = django_filters.IsoDateTimeFilter(field_name="scheduled_publish_at", lookup_expr="lt")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    category = django_filters.CharFilter(method="named", help_text="A category's name, or its path.")
    tag = django_filters.CharFilter(method="named", help_text="A tag's name.")

    class Meta:
        model = Content
        fields = ["status", "site_status", "origin", "content_type", "structure", "slug"]

    def with_images(self, rows, name, value: bool):
        made = Image.objects.filter(content=OuterRef("pk"), status=Image.Status.GENERATED)
        return rows.filter(Exists(made)) if value else rows.exclude(Exists(made))

    def named(self, rows, taxonomy, name):
        return content_named(rows, tenant=self.request.tenant, taxonomy=taxonomy, name=name)


class VersionFilterSet(FilterSet):
    class Meta:
        model = ContentVersion
        fields = {"created_at": ["gte", "lt"], "made_by": ["exact"], "number": ["exact", "gte", "lte"]}


class ImageFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="content_id")

    class Meta:
        model = Image
        fields = ["kind", "status"]


class TaxonomyFilterSet(SiteFilterSet):
    parent = IdFilter(field_name="parent_id")
    is_root = StrictBooleanFilter(field_name="parent", lookup_expr="isnull", help_text="Those on top.")
    external_id = django_filters.CharFilter()

    class Meta:
        model = Taxonomy
        fields = ["taxonomy", "slug"]


class ContentImagesFilterSet(SiteFilterSet):
    content_id = IdFilter(field_name="id")

    class Meta:
        model = Content
        fields = ["status"]
