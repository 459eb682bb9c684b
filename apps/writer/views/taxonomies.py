"""Categories, tags and the terms of other taxonomies."""

from apps.core.renderers import respond
from apps.core.viewsets import TenantViewSet
from apps.writer.filters import TaxonomyFilterSet
from apps.writer.models import Taxonomy
from apps.writer.serializers.taxonomies import TaxonomySerializer
from apps.writer.services.taxonomies import taxonomy_create, taxonomy_delete, taxonomy_update


class TaxonomyViewSet(TenantViewSet):
    """Categories, tags and the terms of other taxonomies of a site's WordPress.

    Articles name them in `categories` and `tags`, by their name or by their path (`Drinks > Coffee`).
    """

    area = "content"
    key_actions = ("list",)
    rate_scope = "content"
    queryset = Taxonomy.objects.all()
    serializer_class = TaxonomySerializer
    filterset_class = TaxonomyFilterSet
    search_fields = ["name", "slug", "description"]
    ordering_fields = ["name", "slug", "taxonomy", "path", "count", "created_at", "updated_at"]
    ordering_aliases = {"path": "path_names"}

    def get_queryset(self):
        return super().get_queryset().with_path()

    def create(self, request, *args, **kwargs):
        """Make a term. One that is there already, but for its spelling, is a 400 that names it."""
        row = taxonomy_create(account_id=self.tenant.account_id, fields=self.validated())
        return self._shown(row, status=201)

    def update(self, request, *args, **kwargs):
        """Rename, move or describe a term. Articles that name it follow."""
        row = self.get_object()
        changes = self.validated(instance=row, partial=kwargs.get("partial", False))
        changes.pop("site", None), changes.pop("taxonomy", None)
        row = taxonomy_update(account_id=self.tenant.account_id, taxonomy_id=row.pk, changes=changes)
        return self._shown(row)

    def destroy(self, request, *args, **kwargs):
        """Delete a term. What stands under it moves up a level; articles keep its name."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance):
        taxonomy_delete(account_id=self.tenant.account_id, taxonomy_id=instance.pk)

    def _shown(self, row: Taxonomy, **kwargs):
        return respond(self.get_serializer(self.get_queryset().get(pk=row.pk)).data, **kwargs)
