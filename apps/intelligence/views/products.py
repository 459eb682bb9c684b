"""What workers and the dashboard do with products: score them, map their categories, search them."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.core.internal import InternalView, Unprocessable
from apps.core.parsers import MendingJSONParser
from apps.intelligence import product_serializers as serializers
from apps.intelligence.axes import AXES, AXIS_NAMES
from apps.intelligence.services import categories, leases, scoring, search

MOST = 1000


class ScoringTasksView(InternalView):
    dashboard_area = "scoring"
    hands_out = True  # who asks takes products from the workers: it is no mere reading

    @extend_schema(
        parameters=[serializers.ScoringTasksSerializer],
        responses=serializers.ScoringTaskSerializer(many=True),
    )
    def get(self, request):
        """Products whose present text has no score, leased to the worker that asks."""
        params = self.params(serializers.ScoringTasksSerializer)
        # A worker must be able to tell which lease is its own.
        worker = params["worker"].strip()
        tasks = leases.tasks_claim(
            worker=worker, limit=min(params["limit"], MOST), without_axes=params.get("missing") == "axes"
        )
        return Response(tasks)


class ScoringSubmitView(InternalView):
    dashboard_area = "scoring"
    parser_classes = (MendingJSONParser,)

    @extend_schema(request=serializers.ScoresSerializer, responses=serializers.SubmittedSerializer)
    def post(self, request):
        """The scores come back, also after the lease was lost, while the text is the same. Twice is once."""
        data = self.body(serializers.ResultsSerializer)
        worker = data.get("worker") or request.query_params.get("worker", "")
        if len(worker) > 200:
            raise Unprocessable({"worker": ["At most 200 characters are taken."]}, "query")
        done = scoring.scores_submit(results=data["results"], worker=worker.strip())
        return Response({"status": "ok", **asdict(done)})


class AxesView(InternalView):
    @extend_schema(responses=serializers.AxisSerializer(many=True))
    def get(self, request):
        """The ten axes of a gift, with what each means."""
        return Response([asdict(axis) for axis in AXES])


class CategoryTasksView(InternalView):
    @extend_schema(
        parameters=[serializers.LimitSerializer], responses=serializers.CategoryTaskSerializer(many=True)
    )
    def get(self, request):
        """The shops' category names that mean nothing yet, the most used first."""
        params = self.params(serializers.LimitSerializer)
        return Response(categories.mapping_tasks(limit=min(params["limit"], MOST)))


class CategorySubmitView(InternalView):
    dashboard_area = "categories"
    parser_classes = (MendingJSONParser,)

    @extend_schema(request=serializers.CategoryResultsSerializer, responses=serializers.SubmittedSerializer)
    def post(self, request):
        """What names mean. It holds for the products that are there already; staff's own mappings stay."""
        data = self.body(serializers.ResultsSerializer)
        return Response({"status": "ok", **asdict(categories.mappings_submit(results=data["results"]))})


class CategoryTreeView(InternalView):
    @extend_schema(responses=serializers.CategoryTreeSerializer(many=True))
    def get(self, request):
        """Our own tree of categories: what names may be mapped to."""
        return Response(categories.category_tree())


class ProductsView(InternalView):
    @extend_schema(
        parameters=[serializers.ProductQuerySerializer], responses=serializers.ProductSerializer(many=True)
    )
    def get(self, request):
        """Search the products by words, axes, price and category. A page shorter than `limit` is the last."""
        params = self.params(serializers.ProductQuerySerializer)
        query = search.ProductQuery(
            text=params.get("search") or params.get("q") or "",
            axes={axis: (params.get(f"min_{axis}"), params.get(f"max_{axis}")) for axis in AXIS_NAMES},
            score=(params.get("min_score"), params.get("max_score")),
            price=(params.get("min_price"), params.get("max_price")),
            currency=params.get("currency", "").upper(),
            site_key=params.get("site_key", ""),
            category=params.get("category"),
            external_category=params.get("external_category", ""),
            scored=params["scored"],
            ordering=params["ordering"],
            limit=min(params["limit"], MOST),
            offset=params["offset"],
        )
        return Response(search.products_search(query))
