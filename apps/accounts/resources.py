"""The catalogue as CSV. Rows are found by their slug; what a file does not name stays as it is."""

from import_export import fields, resources
from import_export.widgets import ForeignKeyWidget

from apps.accounts.models import Industry, IndustrySector


class CatalogueResource(resources.ModelResource):
    def before_import_row(self, row: dict, **kwargs) -> None:
        if row.get("is_active") == "":
            del row["is_active"]


class IndustryResource(CatalogueResource):
    EXAMPLE = {
        "slug": "food-drink",
        "name": "Food & Drink",
        "description": "What people eat.",
        "is_active": 1,
    }

    class Meta:
        model = Industry
        import_id_fields = ["slug"]
        fields = ["slug", "name", "description", "is_active"]
        skip_unchanged = True
        clean_model_instances = True


class IndustrySectorResource(CatalogueResource):
    EXAMPLE = {
        "slug": "coffee-tea",
        "industry": "food-drink",
        "name": "Coffee & Tea",
        "description": "",
        "is_active": 1,
    }
    industry = fields.Field("industry", "industry", widget=ForeignKeyWidget(Industry, "slug"))

    class Meta:
        model = IndustrySector
        import_id_fields = ["slug"]
        fields = ["slug", "industry", "name", "description", "is_active"]
        skip_unchanged = True
        clean_model_instances = True

    def get_queryset(self):
        return super().get_queryset().select_related("industry")
