"""The viewsets that all others derive from. Tenancy is enforced here."""

from rest_framework import mixins, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from apps.core.jobs import MAX_KEY_LENGTH, job_start
from apps.core.models import Job
from apps.core.renderers import respond
from apps.core.tenancy import Tenant


def requested_key(request) -> str | None:
    """The caller's `Idempotency-Key`, apart from the keys that the product gives its own jobs."""
    key = request.headers.get("Idempotency-Key")
    if key and len(key) > MAX_KEY_LENGTH - len("user:"):
        raise ValidationError({"Idempotency-Key": ["It may hold at most 195 characters."]})
    return f"user:{key}" if key else None


class TenantMixin:
    """`queryset` is narrowed to the tenant; `area` names the row of the permission table."""

    area: str
    key_actions: tuple[str, ...] = ()
    read_actions: tuple[str, ...] = ()
    rate_scopes: dict[str, str] = {}

    @property
    def tenant(self) -> Tenant:
        return self.request.tenant

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        return super().get_queryset().for_tenant(self.tenant)

    def perform_create(self, serializer):
        serializer.save(account_id=self.tenant.account_id)

    def validated(self, serializer_class=None, **kwargs):
        """The request's body through a serializer of the action; raises the 400."""
        serializer_class = serializer_class or self.get_serializer_class()
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def own_ids(self, field: str, ids: list[int], queryset=None) -> list[int]:
        """The ids, all of which must be rows of the tenant: else a 400 that names the field and the first ones."""
        queryset = (self.queryset if queryset is None else queryset).for_tenant(self.tenant)
        # As one array: an IN with 10,000 parameters costs more than what is mostly done with the rows.
        meta = queryset.model._meta
        among = f'"{meta.db_table}"."{meta.pk.column}" = ANY(%s)'
        found = set(queryset.order_by().extra(where=[among], params=[ids]).values_list("pk", flat=True))  # noqa: S610
        missing = [i for i in ids if i not in found]
        if missing:
            shown = ", ".join(map(str, missing[:10])) + (" …" if len(missing) > 10 else "")
            raise ValidationError({field: [f"There is nothing with the id {shown}."]})
        return ids

    def asked_before(self) -> bool:
        """Whether this `Idempotency-Key` has its job: then the answer is that job, whatever changed since.

        For routes that check something before they start it.
        """
        key = requested_key(self.request)
        jobs = Job.objects.filter(account_id=self.tenant.account_id, idempotency_key=key)
        return bool(key) and jobs.exists()

    def start_job(self, kind: str, payload: dict, *, total: int = 0) -> Response:
        """Starts a job for the caller, honouring `Idempotency-Key`, and answers its id."""
        job: Job = job_start(
            kind=kind,
            account_id=self.tenant.account_id,
            user_id=self.tenant.user_id,
            payload=payload,
            total=total,
            idempotency_key=requested_key(self.request),
        )
        return Response({"task_id": str(job.pk)})


class DestroyMixin(mixins.DestroyModelMixin):
    """DELETE answers 200 with `"data": null` and a message."""

    def destroy(self, request, *args, **kwargs):
        instance = self.get_object()
        name = instance._meta.verbose_name
        self.perform_destroy(instance)
        return respond(None, f"The {name} was deleted.")


class TenantViewSet(
    TenantMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    DestroyMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet,
):
    """CRUD over one tenant-scoped model."""


class TenantReadViewSet(TenantMixin, viewsets.ReadOnlyModelViewSet):
    """Reads one tenant-scoped model."""


__all__ = ["DestroyMixin", "TenantMixin", "TenantReadViewSet", "TenantViewSet", "respond", "status"]
