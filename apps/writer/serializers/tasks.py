from rest_framework import serializers

from apps.accounts.models import Sector, Site
from apps.core.serializers import IdsField, IdsSerializer, TenantRelatedField, TenantSerializer
from apps.planner.models import Cluster, ContentIdea, ContentType, Keyword, Structure
from apps.writer.models import Task

MIN_WORDS, MAX_WORDS = 100, 20_000
MAX_KEYWORDS = 500
MAX_BULK = 500


def word_count_field(**kwargs) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=MIN_WORDS,
        max_value=MAX_WORDS,
        required=False,
        help_text="About how long it becomes.",
        **kwargs,
    )


class OutlineSerializer(serializers.Serializer):
    heading = serializers.CharField(max_length=600)
    points = serializers.ListField(child=serializers.CharField(max_length=2000), max_length=50, default=list)


class KeywordIdsField(IdsField):
    """Keywords as ids, looked up in one query however many there are."""

    def get_attribute(self, instance: Task) -> list[int]:
        return [keyword.pk for keyword in instance.keywords.all()]

    def to_internal_value(self, data) -> list[Keyword]:
        if isinstance(data, list) and len(data) > MAX_KEYWORDS:
            raise serializers.ValidationError(f"A task can have at most {MAX_KEYWORDS} keywords.")
        ids = super().to_internal_value(data)
        own = Keyword.objects.for_tenant(self.context["request"].tenant)
        found = own.only("pk", "site_id").in_bulk(ids)
        if missing := set(ids) - found.keys():
            raise serializers.ValidationError(f"There is no keyword with the id {min(missing)}.")
        return [found[pk] for pk in ids]


class TaskSerializer(TenantSerializer):
    cluster_name = serializers.CharField(source="cluster.name", read_only=True, allow_null=True)
    keywords = KeywordIdsField(required=False, allow_empty=True, max_length=MAX_KEYWORDS, help_text="Ids.")
    outline = serializers.ListField(child=OutlineSerializer(), max_length=100, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    word_count = word_count_field()
    content = serializers.SerializerMethodField(help_text="The id of its article, once there is one.")

    class Meta:
        model = Task
        fields = ["id", "site", "sector", "cluster", "cluster_name", "idea", "title", "description",
                  "content_type", "structure", "keywords", "outline", "word_count", "status", "error", "content",
                  "created_at", "updated_at"]  # fmt: skip
        read_only_fields = ["error"]

    def get_content(self, task: Task) -> int | None:
        content = getattr(task, "content", None)
        return content.pk if content else None

    def validate_site(self, site: Site) -> Site:
        if self.instance is not None and self.instance.site_id != site.pk:
            raise serializers.ValidationError("A task can not move to another site. Make it there anew.")
        return site

    def validate_status(self, status: str) -> str:
        if self.instance is None and status != Task.Status.QUEUED:
            raise serializers.ValidationError("A new task is queued; leave its status out.")
        return status

    def validate(self, attrs: dict) -> dict:
        attrs = super().validate(attrs)
        site = attrs.get("site") or self.instance.site
        for keyword in attrs.get("keywords", []):
            if keyword.site_id != site.pk:
                raise serializers.ValidationError(
                    {"keywords": [f"Keyword {keyword.pk} belongs to another site than site {site.pk}."]}
                )
        return attrs


def _id(**kwargs) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=2**63 - 1, **kwargs)


class BulkTaskSerializer(TaskSerializer):
    """A task among many: its related ids are looked up together with those of the others."""

    site = _id()
    sector = _id(required=False, allow_null=True)
    cluster = _id(required=False, allow_null=True)
    idea = _id(required=False, allow_null=True)
    keywords = serializers.ListField(child=_id(), max_length=MAX_KEYWORDS, required=False)

    class Meta(TaskSerializer.Meta):
        fields = ["site", "sector", "cluster", "idea", "title", "description", "content_type", "structure",
                  "keywords", "outline", "word_count"]  # fmt: skip

    def validate_site(self, site: int) -> int:
        return site

    def validate(self, attrs: dict) -> dict:
        return attrs


class BulkCreateSerializer(serializers.Serializer):
    tasks = serializers.ListField(
        child=BulkTaskSerializer(),
        allow_empty=False,
        max_length=MAX_BULK,
        help_text="All are made or none; `details.tasks` names the bad ones by their place, from 0.",
    )

    def validate_tasks(self, rows: list[dict]) -> list[dict]:
        """Related ids become columns: one query for each kind, whatever the number of tasks."""
        sites = self._site_of(Site, "pk", rows, "site")
        sectors = self._site_of(Sector, "site_id", rows, "sector")
        clusters = self._site_of(Cluster, "site_id", rows, "cluster")
        ideas = self._site_of(ContentIdea, "site_id", rows, "idea")
        keywords = self._site_of(Keyword, "site_id", rows, "keywords")
        taken = set(Task.objects.filter(idea_id__in=ideas).values_list("idea_id", flat=True))
        errors: dict[int, dict] = {}
        found = []
        for place, row in enumerate(rows):
            related = {"site": sites, "sector": sectors, "cluster": clusters, "idea": ideas}
            wrong = {
                name: [problem]
                for name, known in related.items()
                if (problem := _problem(row.get(name), known, row["site"]))
            }
            for pk in row.get("keywords", []):
                if problem := _problem(pk, keywords, row["site"]):
                    wrong["keywords"] = [problem]
            if row.get("idea") in taken:
                wrong.setdefault("idea", [f"Idea {row['idea']} has a task already."])
            if row.get("idea"):
                taken.add(row["idea"])
            if wrong:
                errors[place] = wrong
            found.append(
                {f"{name}_id" if name in related else name: value for name, value in row.items()}
                | {"keywords": list(dict.fromkeys(row.get("keywords", [])))}
            )
        if errors:
            raise serializers.ValidationError(errors)
        return found

    def _site_of(self, model, column: str, rows: list[dict], name: str) -> dict[int, int]:
        """The site of each of the rows that `name` refers to, of the tenant's own."""
        wanted = {
            pk
            for row in rows
            for pk in (row.get(name) or [] if name == "keywords" else [row.get(name)])
            if pk
        }
        own = model.objects.for_tenant(self.context["request"].tenant)
        return dict(own.filter(pk__in=wanted).values_list("pk", column))


def _problem(pk: int | None, known: dict[int, int], site: int) -> str | None:
    if pk is None:
        return None
    if pk not in known:
        return f"There is nothing with the id {pk}."
    return None if known[pk] == site else f"It belongs to another site than site {site}."


class BulkUpdateSerializer(IdsSerializer):
    status = serializers.ChoiceField(Task.Status.choices, required=False)
    content_type = serializers.ChoiceField(ContentType.choices, required=False)
    structure = serializers.ChoiceField(Structure.choices, required=False)
    word_count = word_count_field()
    sector = TenantRelatedField(queryset=Sector.objects.all(), required=False, allow_null=True)
    cluster = TenantRelatedField(queryset=Cluster.objects.all(), required=False, allow_null=True)

    def validate(self, attrs: dict) -> dict:
        if len(attrs) < 2:
            raise serializers.ValidationError(
                f"Name what to change: {', '.join(name for name in self.fields if name != 'ids')}."
            )
        for name in ("sector", "cluster"):
            value = attrs.get(name)
            own = Task.objects.for_tenant(self.context["request"].tenant).filter(pk__in=attrs["ids"])
            if value and own.exclude(site_id=value.site_id).exists():
                raise serializers.ValidationError({name: ["Some of the tasks belong to another site."]})
        return attrs


class TaskIdsSerializer(serializers.Serializer):
    task_ids = IdsField()


class IdeaIdsSerializer(serializers.Serializer):
    idea_ids = IdsField()
