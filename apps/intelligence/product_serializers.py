from rest_framework import serializers

from apps.intelligence.axes import AXES
from apps.intelligence.services.search import ORDERINGS


class LimitSerializer(serializers.Serializer):
    limit = serializers.IntegerField(min_value=1, default=50, help_text="At most 1,000; more is cut to that.")


class ScoringTasksSerializer(LimitSerializer):
    worker = serializers.CharField(
        max_length=200,
        default="",
        allow_blank=True,
        help_text="Who asks: what it is handed is its own for 15 minutes, and 15 more after each of its heartbeats.",
    )
    missing = serializers.ChoiceField(
        ["axes"], required=False, help_text="`axes`: what was scored without the ten axes."
    )


class ScoringTaskSerializer(serializers.Serializer):
    gift_id = serializers.CharField()
    title = serializers.CharField()
    category = serializers.CharField()
    merchant = serializers.CharField()
    price = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    image_url = serializers.CharField()
    content_text = serializers.CharField(
        help_text="What the score judges: title, category, merchant, description."
    )
    text_version = serializers.IntegerField(
        help_text="Of that text. Sent back with the score, it leaves no doubt."
    )


class VectorSerializer(serializers.Serializer):
    def get_fields(self):
        return {
            axis.name: serializers.FloatField(min_value=0, max_value=1, help_text=axis.description)
            for axis in AXES
        }


class ScoreSerializer(serializers.Serializer):
    gift_id = serializers.CharField()
    llm_gift_score = serializers.FloatField(min_value=0, max_value=10)
    llm_gift_reasoning = serializers.CharField(required=False)
    llm_gift_vector = VectorSerializer(required=False, allow_null=True)
    llm_scoring_model = serializers.CharField(required=False)
    llm_scoring_version = serializers.CharField(required=False)
    text_version = serializers.IntegerField(required=False)


class ScoresSerializer(serializers.Serializer):
    """How the body stands in the schema; each result is read by itself, so that one cannot spoil the others."""

    results = ScoreSerializer(many=True)
    worker = serializers.CharField(required=False)


class ResultsSerializer(serializers.Serializer):
    """The frame of a submit: `results` of whatever, 1 to 10,000."""

    results = serializers.ListField(min_length=1, max_length=10_000)
    worker = serializers.CharField(max_length=200, required=False, allow_blank=True)


class RejectionSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    gift_id = serializers.CharField(required=False, allow_null=True)
    reason = serializers.CharField()


class SubmittedSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="ok")
    updated = serializers.IntegerField()
    rejected = RejectionSerializer(many=True)


class AxisSerializer(serializers.Serializer):
    name = serializers.CharField()
    gap = serializers.CharField()
    form = serializers.CharField(help_text="outward or inward")
    description = serializers.CharField()


class SuggestionSerializer(serializers.Serializer):
    internal_category_id = serializers.IntegerField()
    path = serializers.CharField()
    confidence = serializers.FloatField()


class CategoryTaskSerializer(serializers.Serializer):
    external_name = serializers.CharField()
    count = serializers.IntegerField(help_text="Products of this name.")
    examples = serializers.ListField(child=serializers.CharField(), help_text="Titles of up to five of them.")
    suggestion = SuggestionSerializer(allow_null=True, help_text="The nearest category by meaning, a guess.")


class CategoryResultSerializer(serializers.Serializer):
    external_name = serializers.CharField()
    internal_category_id = serializers.IntegerField()


class CategoryResultsSerializer(serializers.Serializer):
    results = CategoryResultSerializer(many=True)


class CategoryTreeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    parent_id = serializers.IntegerField(allow_null=True)
    description = serializers.CharField()
    path = serializers.CharField()
    mapped_names = serializers.IntegerField()


class ProductQuerySerializer(LimitSerializer):
    """`min_<axis>` and `max_<axis>` (0 to 1) stand beside these for each of the ten axes."""

    search = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Words, or their beginnings; all must occur.",
    )
    q = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="The same as search."
    )
    min_score = serializers.FloatField(min_value=0, max_value=10, required=False)
    max_score = serializers.FloatField(min_value=0, max_value=10, required=False)
    min_price = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    max_price = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False)
    currency = serializers.RegexField(r"^[A-Za-z]{3}$", required=False)
    category = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, help_text="An internal category, with all below it."
    )
    external_category = serializers.CharField(max_length=300, required=False)
    site_key = serializers.CharField(max_length=100, required=False)
    scored = serializers.BooleanField(required=False, allow_null=True, default=None)
    ordering = serializers.ChoiceField(
        [f"{way}{name}" for name in ORDERINGS for way in ("", "-")],
        default="-id",
        help_text="With “-” the largest first. By price, score or an axis only what has one is listed.",
    )
    offset = serializers.IntegerField(min_value=0, max_value=100_000, default=0)

    def get_fields(self):
        fields = super().get_fields()
        for axis in AXES:
            for end in ("min", "max"):
                fields[f"{end}_{axis.name}"] = serializers.FloatField(
                    min_value=0, max_value=1, required=False, help_text=axis.description
                )
        return fields


class ProductSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    gift_id = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    product_url = serializers.CharField()
    site_key = serializers.CharField()
    price = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    image_url = serializers.CharField()
    merchant = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="As the shop calls it.")
    internal_category_id = serializers.IntegerField(allow_null=True)
    internal_category = serializers.CharField(allow_null=True)
    llm_gift_score = serializers.FloatField(allow_null=True)
    llm_gift_vector = VectorSerializer(allow_null=True)
    llm_gift_reasoning = serializers.CharField(allow_null=True)
    llm_scoring_model = serializers.CharField(allow_null=True)
    llm_scoring_version = serializers.CharField(allow_null=True)
    scored_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
