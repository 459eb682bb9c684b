"""What comes in and goes out at /internal/, for sources, crawls and workers."""

import orjson
from rest_framework import serializers

from apps.parsing.items import SITE_KEY
from apps.parsing.models import Source, SourceRun

CONFIG_BYTES = 64 * 1024


class SourceRunSerializer(serializers.ModelSerializer):
    """One entry of a source's history."""

    date = serializers.DateTimeField(source="created_at")
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = SourceRun
        fields = (
            "id",
            "date",
            "status",
            "strategy",
            "items_scraped",
            "items_new",
            "items_updated",
            "duration_seconds",
            "error_message",
            "worker",
            "started_at",
            "finished_at",
        )

    def get_duration_seconds(self, run: SourceRun) -> float | None:
        if run.started_at is None or run.finished_at is None:
            return None
        return round((run.finished_at - run.started_at).total_seconds(), 3)


class SourceSerializer(serializers.ModelSerializer):
    """`total_items`: of a hub the products of its whole site."""

    total_items = serializers.SerializerMethodField()

    class Meta:
        model = Source
        fields = (
            "id",
            "url",
            "type",
            "site_key",
            "name",
            "parent_id",
            "strategy",
            "priority",
            "refresh_interval_hours",
            "last_synced_at",
            "next_sync_at",
            "is_active",
            "status",
            "error_message",
            "config",
            "created_at",
            "total_items",
            "last_run_new",
        )

    def get_total_items(self, source: Source) -> int:
        return self.context["totals"][source.pk]


class SourceDetailSerializer(SourceSerializer):
    history = SourceRunSerializer(many=True)
    runs_total = serializers.IntegerField(help_text="All runs; `history` holds the asked part of them.")
    logs = serializers.CharField(help_text="The end of what the last run reported.")

    class Meta(SourceSerializer.Meta):
        fields = (*SourceSerializer.Meta.fields, "history", "runs_total", "logs")


class SiteKeyField(serializers.RegexField):
    def __init__(self, **kwargs):
        super().__init__(SITE_KEY.pattern.join(("^", r"\Z")), max_length=100, **kwargs)
        self.error_messages["invalid"] = (
            "Letters, digits, dots, dashes and underscores; a letter or digit first."
        )


class ConfigField(serializers.DictField):
    """A JSON object of at most 64 KiB."""

    def to_internal_value(self, data):
        data = super().to_internal_value(data)
        try:
            size = len(orjson.dumps(data))
        except orjson.JSONEncodeError:
            raise serializers.ValidationError("It is nested too deeply.") from None
        if size > CONFIG_BYTES:
            raise serializers.ValidationError("It may hold at most 64 KiB.")
        return data


class SourceChangeSerializer(serializers.Serializer):
    """What may be changed of a source."""

    type = serializers.ChoiceField(Source.Type.choices, required=False)
    site_key = SiteKeyField(required=False)
    name = serializers.CharField(max_length=300, required=False, allow_blank=True)
    strategy = serializers.ChoiceField(Source.Strategy.choices, required=False)
    priority = serializers.IntegerField(min_value=1, max_value=100, required=False)
    refresh_interval_hours = serializers.IntegerField(min_value=1, max_value=24 * 365, required=False)
    next_sync_at = serializers.DateTimeField(required=False)
    is_active = serializers.BooleanField(required=False)
    config = ConfigField(required=False, help_text="Of the spider: see the guide on crawling.")


class SourceUpsertSerializer(SourceChangeSerializer):
    url = serializers.CharField(max_length=8000)
    site_key = SiteKeyField()


class SourceIdsSerializer(serializers.Serializer):
    source_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), allow_empty=False, max_length=10_000
    )

    def validate_source_ids(self, ids: list[int]) -> list[int]:
        return list(dict.fromkeys(ids))


class SkippedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    reason = serializers.CharField()


class ActivatedSerializer(serializers.Serializer):
    status = serializers.CharField()
    activated = serializers.ListField(child=serializers.IntegerField())
    skipped = SkippedSerializer(many=True)


class ListSerializerParams(serializers.Serializer):
    """Filters of the list of sources; all of them are returned without."""

    status = serializers.ChoiceField(Source.Status.choices, required=False)
    type = serializers.ChoiceField(Source.Type.choices, required=False)
    site_key = serializers.CharField(max_length=100, required=False)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
    search = serializers.CharField(
        max_length=200, required=False, help_text="Part of the address or the name."
    )
    ordering = serializers.ChoiceField(
        [
            f"{sign}{name}"
            for name in ("id", "priority", "next_sync_at", "last_synced_at")
            for sign in ("", "-")
        ],
        default="id",
    )
    limit = serializers.IntegerField(min_value=1, required=False, help_text="At most 1,000 when it is given.")
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class BacklogParams(ListSerializerParams):
    """The same, of what is in the backlog."""

    status = None
    is_active = None


class HistoryParams(serializers.Serializer):
    """The part of a source's history that is wanted, the newest runs first."""

    limit = serializers.IntegerField(min_value=1, default=100, help_text="Runs; at most 1,000.")
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class BacklogSiteSerializer(serializers.Serializer):
    site_key = serializers.CharField()
    count = serializers.IntegerField()


class BacklogStatsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    by_site = BacklogSiteSerializer(many=True)
    quota = serializers.IntegerField(help_text="Activations a day (UTC).")
    activated_today = serializers.IntegerField()
    left_today = serializers.IntegerField()


class ForceSerializer(serializers.Serializer):
    strategy = serializers.ChoiceField(Source.Strategy.choices, required=False, allow_null=True)


class ForcedSerializer(serializers.Serializer):
    status = serializers.CharField()
    run_id = serializers.IntegerField()
    dispatched = serializers.BooleanField(
        help_text="False while the broker is down; it is sent when it is back."
    )


class ToggleSerializer(serializers.Serializer):
    is_active = serializers.BooleanField()


class ToggleParams(serializers.Serializer):
    is_active = serializers.BooleanField(required=False, help_text="As the body's.")


class WorkerField(serializers.CharField):
    """hostname:pid, as in the heartbeat."""

    def __init__(self, **kwargs):
        super().__init__(max_length=200, required=False, allow_blank=True, default="", **kwargs)


class RunIdField(serializers.IntegerField):
    def __init__(self, **kwargs):
        super().__init__(
            min_value=1, max_value=2**63 - 1, required=False, allow_null=True, default=None, **kwargs
        )


class ReportStatusSerializer(serializers.Serializer):
    """running takes the crawl (409: drop the task), waiting ends it, queued hands it back, error: it failed."""

    status = serializers.ChoiceField([s for s in Source.Status.values if s != "discovered"] + ["completed"])
    run_id = RunIdField()
    worker = WorkerField()


class ReportErrorSerializer(serializers.Serializer):
    error = serializers.CharField(help_text="Its first 10,000 characters are kept.")
    is_broken = serializers.BooleanField(default=False)
    run_id = RunIdField()
    worker = WorkerField()


class ReportLogsSerializer(serializers.Serializer):
    logs = serializers.CharField(trim_whitespace=False, help_text="Its end is kept.")
    run_id = RunIdField()


class CrawlTaskSerializer(serializers.Serializer):
    """The queue's message."""

    source_id = serializers.IntegerField()
    url = serializers.CharField()
    site_key = serializers.CharField()
    type = serializers.ChoiceField(Source.Type.choices)
    strategy = serializers.ChoiceField(Source.Strategy.choices)
    config = serializers.DictField()
    run_id = serializers.IntegerField()


class SourceStateSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="ok")
    source_status = serializers.CharField()
    is_active = serializers.BooleanField()
    run_id = serializers.IntegerField(required=False, help_text="To `running`: the crawl that was taken.")
    task = CrawlTaskSerializer(
        required=False, help_text="To `running`: what is to be crawled by now. The message may be older."
    )


class DoneSerializer(serializers.Serializer):
    status = serializers.CharField()


class ConflictSerializer(serializers.Serializer):
    detail = serializers.CharField()


class SpidersSerializer(serializers.Serializer):
    available_spiders = serializers.ListField(child=SiteKeyField(), max_length=1000)


class SpidersSyncedSerializer(serializers.Serializer):
    status = serializers.CharField()
    new_spiders = serializers.ListField(child=serializers.CharField())
