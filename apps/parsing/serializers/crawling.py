"""What comes in and goes out at /internal/, for batches, workers and the dashboard."""

from rest_framework import serializers

from apps.parsing.models import CrawlWorker, Source


class ItemSerializer(serializers.Serializer):
    """The form of a product for the documentation; reading is `apps.parsing.items`."""

    title = serializers.CharField()
    product_url = serializers.URLField()
    site_key = serializers.CharField()
    description = serializers.CharField(required=False, allow_null=True)
    price = serializers.CharField(
        required=False, allow_null=True, help_text="A number, or a text such as “1.299,00 €”."
    )
    currency = serializers.CharField(required=False, allow_null=True)
    image_url = serializers.URLField(required=False, allow_null=True)
    merchant = serializers.CharField(required=False, allow_null=True)
    category = serializers.CharField(required=False, allow_null=True)
    raw_data = serializers.JSONField(required=False, help_text="Over 32 KiB only its size is kept.")
    source_id = serializers.IntegerField(required=False, help_text="Default: the batch's.")


class CategorySerializer(serializers.Serializer):
    name = serializers.CharField()
    url = serializers.URLField()
    site_key = serializers.CharField()
    parent_url = serializers.URLField(required=False, allow_null=True)


class BatchSerializer(serializers.Serializer):
    """At most 64 MiB."""

    source_id = serializers.IntegerField()
    run_id = serializers.IntegerField(required=False, allow_null=True)
    items = ItemSerializer(many=True)
    categories = CategorySerializer(many=True, required=False)
    stats = serializers.DictField(required=False)


class RejectedSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    reason = serializers.CharField()


class IngestedSerializer(serializers.Serializer):
    status = serializers.CharField()
    items_ingested = serializers.IntegerField(help_text="Products, each once.")
    categories_ingested = serializers.IntegerField()
    items_new = serializers.IntegerField()
    items_updated = serializers.IntegerField()
    rejected = RejectedSerializer(many=True)


class HeartbeatSerializer(serializers.Serializer):
    hostname = serializers.CharField(max_length=190)
    pid = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    status = serializers.CharField(max_length=20, default="idle")
    concurrent_tasks = serializers.IntegerField(min_value=0, max_value=100_000, default=0)
    capacity = serializers.IntegerField(min_value=0, max_value=100_000, default=1)
    ram_usage_pct = serializers.FloatField(min_value=0, max_value=100, default=0)
    spiders = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=1000, default=list
    )
    run_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=1000,
        required=False,
        help_text="What it crawls: these crawls stay its own, and no others. Without it all that it has begun.",
    )


class HeartbeatAnswerSerializer(serializers.Serializer):
    status = serializers.CharField()
    runs_renewed = serializers.IntegerField()
    runs_lost = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Of `run_ids`: over, or another worker's by now. Stop crawling them.",
    )


class WorkerSerializer(serializers.ModelSerializer):
    class Meta:
        model = CrawlWorker
        fields = (
            "hostname",
            "pid",
            "status",
            "concurrent_tasks",
            "capacity",
            "ram_usage_pct",
            "spiders",
            "started_at",
            "last_seen_at",
        )


class MonitoringSerializer(serializers.Serializer):
    site_key = serializers.CharField()
    sources = serializers.IntegerField()
    active = serializers.IntegerField()
    states = serializers.DictField(
        child=serializers.IntegerField(), help_text=f"Sources by status: {', '.join(Source.Status.values)}."
    )
    total_items = serializers.IntegerField()
    last_synced_at = serializers.DateTimeField(allow_null=True)


class CrawlStatsSerializer(serializers.Serializer):
    since = serializers.DateTimeField()
    runs = serializers.IntegerField()
    runs_completed = serializers.IntegerField()
    runs_failed = serializers.IntegerField()
    runs_open = serializers.IntegerField()
    items_scraped = serializers.IntegerField()
    items_new = serializers.IntegerField()
    items_updated = serializers.IntegerField()
    products_new = serializers.IntegerField()
    products_total = serializers.IntegerField()
    sources = serializers.DictField(child=serializers.IntegerField())
    workers = serializers.IntegerField()
