"""The tree of categories as CSV. A row is a category by its slug; its parent is named by slug, and stands above it."""

from import_export import fields, resources
from import_export.widgets import ForeignKeyWidget

from apps.intelligence.models import InternalCategory


class InternalCategoryResource(resources.ModelResource):
    EXAMPLE = {
        "slug": "mugs",
        "name": "Mugs and cups",
        "parent": "kitchen",
        "description": "For coffee, tea and cocoa.",
        "is_active": 1,
    }
    parent = fields.Field("parent", "parent", widget=ForeignKeyWidget(InternalCategory, "slug"))

    class Meta:
        model = InternalCategory
        import_id_fields = ["slug"]
        fields = ["slug", "name", "parent", "description", "is_active"]
        export_order = fields
        skip_unchanged = True
        clean_model_instances = True

    def get_queryset(self):
        return super().get_queryset().select_related("parent")

    def before_import_row(self, row: dict, **kwargs) -> None:
        if row.get("is_active") == "":
            del row["is_active"]
