"""The plan of a site."""

from datetime import date, timedelta

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Site
from apps.core.zones import zone_of
from apps.publisher.serializers import CalendarQuerySerializer, CalendarSerializer
from apps.publisher.services.calendar import site_calendar

DAYS = 31
MOST_DAYS = 100
YEARS = range(2000, 2101)


class CalendarView(APIView):
    """What a site published and will publish, and what is free."""

    area = "content"

    @extend_schema(
        operation_id="publisher_calendar",
        parameters=[
            OpenApiParameter("site_id", int, required=True),
            OpenApiParameter(
                "from", OpenApiTypes.DATE, description="A day of the site's own time; else today."
            ),
            OpenApiParameter(
                "to", OpenApiTypes.DATE, description="The last day; else 31 days in all. At most 100."
            ),
        ],
        responses=CalendarSerializer,
    )
    def get(self, request):
        """The calendar of a site: what is published and scheduled, what each day leaves, and the free slots."""
        query = request.query_params
        given = {"site_id": query.get("site_id"), "first": query.get("from"), "last": query.get("to")}
        asked = CalendarQuerySerializer(data={name: value for name, value in given.items() if value})
        if not asked.is_valid():
            names = {"first": "from", "last": "to"}
            raise ValidationError({names.get(name, name): errors for name, errors in asked.errors.items()})
        site = Site.objects.for_tenant(request.tenant).filter(pk=asked.validated_data["site_id"]).first()
        if site is None:
            raise NotFound
        first = asked.validated_data.get("first") or timezone.now().astimezone(zone_of(site.timezone)).date()
        _check("from", first)
        last = asked.validated_data.get("last") or first + timedelta(days=DAYS - 1)
        _check("to", last)
        if not first <= last < first + timedelta(days=MOST_DAYS):
            raise ValidationError({"to": [f"Give a day from `from` on, at most {MOST_DAYS} days in all."]})
        return Response(CalendarSerializer(site_calendar(site=site, first=first, last=last)).data)


def _check(name: str, day: date) -> None:
    if day.year not in YEARS:
        raise ValidationError({name: [f"Give a day between {YEARS[0]} and {YEARS[-1]}."]})
