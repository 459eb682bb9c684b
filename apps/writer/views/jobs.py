from apps.core.models import Job
from apps.core.viewsets import requested_key


class RepeatableMixin:
    """For routes that check something before they start a job."""

    def asked_before(self) -> bool:
        """Whether this `Idempotency-Key` has its job: then the answer is that job, whatever changed since."""
        key = requested_key(self.request)
        return (
            bool(key) and Job.objects.filter(account_id=self.tenant.account_id, idempotency_key=key).exists()
        )
