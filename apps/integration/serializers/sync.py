from rest_framework import serializers

from apps.core.serializers import TenantSerializer
from apps.integration.models import SiteStructure, SyncedPost, SyncRun
from apps.integration.services.sync.conflicts import MERGED, OURS, THEIRS, conflict_shown, seen_of


class SyncSerializer(serializers.Serializer):
    direction = serializers.ChoiceField(SyncRun.Direction.choices, default=SyncRun.Direction.BOTH)
    deep = serializers.BooleanField(
        default=False, help_text="Reads the text of every post, also of those that say they were not changed."
    )


class SiteSyncSerializer(SyncSerializer):
    site_id = serializers.IntegerField(
        min_value=1,
        max_value=2**63 - 1,
        required=False,
        help_text="An ApiKey's own site when it is left out.",
    )


class PullSerializer(serializers.Serializer):
    deep = serializers.BooleanField(default=False, help_text="As for sync/.")


class SyncProgressSerializer(serializers.Serializer):
    current = serializers.IntegerField()
    total = serializers.IntegerField(help_text="Published posts of the site, as its structure said.")
    percent = serializers.IntegerField()
    message = serializers.CharField()


class SyncStatusSerializer(serializers.Serializer):
    sync_id = serializers.IntegerField()
    task_id = serializers.UUIDField()
    direction = serializers.ChoiceField(SyncRun.Direction.choices)
    state = serializers.ChoiceField(SyncRun.State.choices)
    deep = serializers.BooleanField()
    progress = SyncProgressSerializer()
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="seen, new, changed, unchanged, moved (state or address), conflict, gone, hidden (from our user), "
        "skipped (being published), failed, pushed, terms.",
    )
    error = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class SyncCountsSerializer(serializers.Serializer):
    posts = serializers.IntegerField()
    ours = serializers.IntegerField()
    from_wordpress = serializers.IntegerField()
    ignored = serializers.IntegerField(help_text="Deleted here, and left alone since.")
    conflicts = serializers.IntegerField()


class WebhookHealthSerializer(serializers.Serializer):
    pending = serializers.IntegerField()
    failed = serializers.IntegerField()
    last_received_at = serializers.DateTimeField(allow_null=True)


class SyncHealthSerializer(serializers.Serializer):
    status = serializers.ChoiceField(["healthy", "conflicts", "stale", "failing", "never_synced"])
    counts = SyncCountsSerializer()
    last_success_at = serializers.DateTimeField(allow_null=True)
    age_seconds = serializers.IntegerField(allow_null=True, help_text="Since the last success.")
    conflicts = serializers.IntegerField()
    failures = serializers.IntegerField(help_text="Since the last success.")
    last_error = serializers.CharField()
    webhooks = WebhookHealthSerializer()


class ConnectionStateSerializer(serializers.Serializer):
    status = serializers.CharField()
    last_error = serializers.CharField()
    last_tested_at = serializers.DateTimeField(allow_null=True)
    rest_root = serializers.CharField()
    is_active = serializers.BooleanField()


class PostCountSerializer(serializers.Serializer):
    post_type = serializers.CharField()
    status = serializers.CharField()
    count = serializers.IntegerField()


class PassSerializer(serializers.Serializer):
    sync_id = serializers.IntegerField()
    direction = serializers.CharField()
    state = serializers.CharField()
    deep = serializers.BooleanField()
    cursor = serializers.DictField(help_text="Where it goes on after a crash.")
    counts = serializers.DictField(child=serializers.IntegerField())
    error = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EventStateSerializer(serializers.Serializer):
    event_id = serializers.CharField()
    event = serializers.CharField()
    post_id = serializers.IntegerField()
    state = serializers.CharField()
    error = serializers.CharField()
    signed = serializers.BooleanField()
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    handled_at = serializers.DateTimeField(allow_null=True)


class DebugStatusSerializer(serializers.Serializer):
    connection = ConnectionStateSerializer()
    structure_fetched_at = serializers.DateTimeField(allow_null=True)
    health = SyncHealthSerializer()
    posts = PostCountSerializer(many=True)
    runs = PassSerializer(many=True)
    events = EventStateSerializer(many=True)


class PostTypeSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    rest_base = serializers.CharField(help_text="As the REST API calls it.")
    count = serializers.IntegerField(
        allow_null=True, help_text="Published ones, when the structure was read."
    )
    synced = serializers.IntegerField(help_text="Those that are known here.")
    taxonomies = serializers.ListField(child=serializers.CharField())


class SiteStructureSerializer(TenantSerializer):
    class Meta:
        model = SiteStructure
        fields = ["integration", "post_types", "taxonomies", "authors", "about", "fetched_at"]
        read_only_fields = fields


class SyncConflictSerializer(TenantSerializer):
    title = serializers.CharField(source="content.title", read_only=True)
    fields_in_conflict = serializers.SerializerMethodField()
    detected_at = serializers.DateTimeField(source="conflict_at", read_only=True)

    class Meta:
        model = SyncedPost
        fields = ["id", "site", "integration", "content", "title", "post_type", "external_id", "url",
                  "fields_in_conflict", "detected_at"]  # fmt: skip
        read_only_fields = fields

    def get_fields_in_conflict(self, synced: SyncedPost) -> list[str]:
        return synced.conflict["fields"]


class ConflictTextsSerializer(serializers.Serializer):
    fields_in_conflict = serializers.ListField(child=serializers.CharField(), source="fields")
    base = serializers.DictField(
        allow_null=True, help_text="What both last agreed on; null where nobody knows that any more."
    )
    ours = serializers.DictField()
    theirs = serializers.DictField()
    lossy = serializers.BooleanField(
        help_text="Only ours was changed, but the post holds blocks that an article can not: ours would remove them."
    )
    diff = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="By field, unified: `ours` and `theirs` from what was agreed on, `both` from ours to theirs.",
    )
    seen = serializers.CharField(
        help_text="Send it with `resolve`: refused when WordPress has changed meanwhile."
    )


class SyncConflictDetailSerializer(SyncConflictSerializer):
    texts = serializers.SerializerMethodField()

    class Meta(SyncConflictSerializer.Meta):
        fields = [*SyncConflictSerializer.Meta.fields, "texts"]
        read_only_fields = fields

    def get_texts(self, synced: SyncedPost) -> ConflictTextsSerializer:
        return ConflictTextsSerializer({**conflict_shown(synced), "seen": seen_of(synced)}).data


class ResolveSerializer(serializers.Serializer):
    choice = serializers.ChoiceField([OURS, THEIRS, MERGED])
    html = serializers.CharField(required=False, max_length=2_000_000, help_text="Of the merged text.")
    title = serializers.CharField(required=False, max_length=300, help_text="Of the merged text.")
    excerpt = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    seen = serializers.CharField(
        required=False, default="", max_length=64, help_text="As the conflict gave it."
    )

    def validate(self, data: dict) -> dict:
        texts = {n: data[n] for n in ("html", "title", "excerpt") if n in data}
        if texts and data["choice"] != MERGED:
            raise serializers.ValidationError({next(iter(texts)): "Texts go with the choice “merged” alone."})
        if data["choice"] == MERGED and not texts:
            raise serializers.ValidationError({"html": "Send the merged text."})
        return data


class ResolvedSerializer(serializers.Serializer):
    task_id = serializers.UUIDField(
        allow_null=True,
        help_text="The job that sends ours to WordPress; null for theirs, which is here already.",
    )


class WebhookSerializer(serializers.Serializer):
    event_id = serializers.CharField(max_length=100, help_text="The same again changes nothing.")
    event = serializers.CharField(max_length=60, default="post.changed")
    occurred_at = serializers.DateTimeField()
    post_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    content_key = serializers.UUIDField(required=False)
    status = serializers.CharField(required=False, allow_blank=True, max_length=40)
    url = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    meta = serializers.DictField(required=False)

    def validate_content_key(self, key) -> str:
        return str(key)


class ReceivedEventSerializer(serializers.Serializer):
    event_id = serializers.CharField()
    stored = serializers.BooleanField(help_text="False: it was here and looked into already.")
