"""A run is rows: each item of a stage is claimed, done and recorded."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.accounts.models import Site
from apps.core.models import TenantModel


class Run(TenantModel):
    """One pass of a site through the seven stages."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        PAUSED = "paused"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Trigger(models.TextChoices):
        MANUAL = "manual"
        SCHEDULED = "scheduled"

    handed_over = ("user",)
    ACTIVE = (Status.PENDING, Status.RUNNING, Status.PAUSED)

    class Reason(models.TextChoices):
        """Why it is paused. Those of GOES_ON may be over without anybody's doing."""

        USER = "user"
        CREDITS = "credits"
        PLAN_LIMIT = "plan_limit"
        PROVIDER = "provider"
        TARGET = "target"
        CREDITS_LIMIT = "credits_limit"
        ERROR = "error"

    GOES_ON = (Reason.CREDITS, Reason.PLAN_LIMIT, Reason.PROVIDER, Reason.TARGET)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="runs")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.MANUAL)
    scheduled_for = models.DateTimeField(null=True, help_text="The due time it was started for: once each.")
    job_id = models.UUIDField(null=True, help_text="The job that works on it.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    current_stage = models.PositiveSmallIntegerField(default=1)
    pause_asked = models.BooleanField(default=False)
    error_message = models.TextField(null=True)
    pause_reason = models.CharField(max_length=20, choices=Reason, blank=True)
    resume_at = models.DateTimeField(
        null=True, help_text="When it is tried again by itself, if the site wants that."
    )
    resume_needs = models.PositiveIntegerField(
        default=0, help_text="Credits, for a run that was short of them."
    )
    resume_attempts = models.PositiveSmallIntegerField(
        default=0, help_text="By itself, without an item done since."
    )
    resumed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site"],
                condition=models.Q(status__in=["pending", "running", "paused"]),
                name="one_active_run",
            ),
            models.UniqueConstraint(fields=["site", "scheduled_for"], name="run_due_once"),
        ]
        indexes = [
            models.Index(fields=["resume_at"], name="run_resume", condition=models.Q(status="paused")),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} of site {self.site_id}: {self.status}"


class RunStage(TenantModel):
    """A stage of a run. Its items are fixed when it begins, so that a resumed run does the same work."""

    tenant_site = "run__site_id"

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        SKIPPED = "skipped"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stages")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was skipped, or ended early.")
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_stage_once")]

    def __str__(self) -> str:
        return f"Stage {self.number} of run {self.run_id}"


class RunItem(TenantModel):
    """One thing that a stage works on: a keyword set, a cluster, an idea, a task, a content, an image."""

    tenant_site = "run__site_id"

    class State(models.TextChoices):
        PENDING = "pending"
        CLAIMED = "claimed"
        DONE = "done"
        FAILED = "failed"
        SKIPPED = "skipped"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    stage = models.PositiveSmallIntegerField()
    object_id = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True, help_text="When the work on it began.")
    credits = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["stage", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "stage", "object_id"], name="run_item_once")]
        indexes = [
            models.Index(
                fields=["run", "stage", "id"], name="run_item_open", condition=models.Q(state="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage}:{self.object_id} of run {self.run_id}: {self.state}"


class RunLog(TenantModel):
    """What happened in a run, for its user."""

    tenant_site = "run__site_id"

    class Level(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="logs")
    level = models.CharField(max_length=8, choices=Level, default=Level.INFO)
    stage = models.PositiveSmallIntegerField(null=True)
    message = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["run", "-id"], name="run_log_run")]

    def __str__(self) -> str:
        return self.message
