from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from orjson import Fragment
from rest_framework.exceptions import NotFound
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response

from apps.core.renderers import Unwrapped, dumps


class _Page(Page):
    def __iter__(self):
        return iter(self.object_list)  # a Sequence's way asks for each row by its number


class _Paginator(Paginator):
    """Asks the first page for one row more: where that does not come, the rows are counted already."""

    def page(self, number):
        if number not in (1, "1"):
            return super().page(number)
        rows = list(self.object_list[: self.per_page + 1])
        if len(rows) <= self.per_page:
            self.count = len(rows)
        return self._get_page(rows[: self.per_page], 1, self)

    def _get_page(self, *args, **kwargs):
        return _Page(*args, **kwargs)


class PagePagination(PageNumberPagination):
    """`page` from 1, `page_size` default 20, at most 200; a page past the end is 404."""

    django_paginator_class = _Paginator
    page_size = 20
    max_page_size = 200
    page_size_query_param = "page_size"
    invalid_page_message = "There is no page {page_number}."

    def paginate_queryset(self, queryset, request, view=None):
        query = getattr(queryset, "query", None)  # a range stands for rows that were counted otherwise
        if query and not query.order_by and not query.default_ordering:
            queryset = queryset.order_by("pk")
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            page = request.query_params.get(self.page_query_param, "")
            raise NotFound(self.invalid_page_message.format(page_number=page[:20])) from None

    def get_next_link(self) -> str | None:
        return self._link(self.page.next_page_number()) if self.page.has_next() else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page.previous_page_number()) if self.page.has_previous() else None

    def _link(self, number: int) -> str:
        """The address asked with another page. DRF's takes all parameters apart, which takes longer than a query."""
        asked = self.request._request
        address, _, query = f"{asked.scheme}://{asked.get_host()}{asked.get_full_path()}".partition("?")
        kept = [
            part for part in query.split("&") if part.partition("=")[0] not in ("", self.page_query_param)
        ]
        if number > 1:
            kept.append(f"{self.page_query_param}={number}")
        return f"{address}?{'&'.join(kept)}" if kept else address

    def get_paginated_response(self, data) -> Response:
        return Response(self._body(data))

    def get_rendered_response(self, rows: bytes) -> HttpResponse:
        """The same for rows that are JSON already, past DRF's rendering."""
        return HttpResponse(dumps(dict(self._body(Fragment(rows)))), content_type="application/json")

    def _body(self, data) -> Unwrapped:
        return Unwrapped(
            count=self.page.paginator.count,
            next=self.get_next_link(),
            previous=self.get_previous_link(),
            results=data,
        )
