"""All settings, in one file, driven by the environment. `.env.example` documents every variable.

With neither DATABASE_URL nor CELERY_BROKER_URL set, the embedded PostgreSQL and Valkey are used (and started),
and the secrets that a production set-up must bring are the generated ones of the embedded run.
"""

from datetime import timedelta
from pathlib import Path

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from apps.core.queues import Queue as QueueName
from config import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# --- The services: real ones by URL, else the embedded ones -------------------------------------------------------
_needs_database = not env.str("DATABASE_URL", "")
_needs_broker = not env.str("CELERY_BROKER_URL", "")
EMBEDDED = (
    embedded.ensure(database=_needs_database, broker=_needs_broker)
    if _needs_database or _needs_broker
    else None
)


def secret(name: str, embedded_name: str) -> str:
    """A secret of the environment; the generated one only where the embedded database is used."""
    value = env.str(name, "")
    if value:
        return value
    if _needs_database and EMBEDDED is not None:
        return getattr(EMBEDDED, embedded_name)
    raise ImproperlyConfigured(f"Set {name}: there is no default for it with a database of your own.")


# --- Django -------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY", "secret_key")
FIELD_ENCRYPTION_KEYS = [k for k in secret("FIELD_ENCRYPTION_KEYS", "field_encryption_key").split(",") if k]
PORT = env.int("PORT", 8000)
PUBLIC_URL = env.str("PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
DASHBOARD_URL = (env.str("DASHBOARD_URL", "") or PUBLIC_URL).rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "import_export",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
    "apps.accounts",
    "apps.notifications",
    "apps.billing",
    "apps.system",
    "apps.parsing",
    "apps.intelligence",
    "apps.planner",
    "apps.writer",
    "apps.linker",
    "apps.optimizer",
    "apps.integration",
    "apps.publisher",
    "apps.automation",
]

MIDDLEWARE = [
    "apps.core.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.middleware.ApiMiddleware",
    "apps.core.browser.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "apps.core.browser.AuthenticationMiddleware",
    "apps.core.browser.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        **(env.db("DATABASE_URL") if not _needs_database else env.db_url_config(EMBEDDED.database_url)),
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "igny8",
            # A process that hangs in the middle of a transaction must not hold its locks for ever.
            "options": "-c idle_in_transaction_session_timeout=20s",
        },
        # Several test runs side by side need a database each.
        "TEST": {"NAME": env.str("TEST_DB_NAME", "test_igny8")},
    }
}

# --- Accounts and passwords ---------------------------------------------------------------------------------------
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTHENTICATION_BACKENDS = ["apps.accounts.backends.LockingBackend"]
# So many wrong passwords from one address for one user lock the two for so many minutes.
LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", 10)
LOGIN_LOCK_MINUTES = env.int("LOGIN_LOCK_MINUTES", 15)
AUDIT_DAYS = env.int("AUDIT_DAYS", 730)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", 15))
REFRESH_TOKEN_LIFETIME = timedelta(days=env.int("REFRESH_TOKEN_DAYS", 14))
# The dashboard's, which the Telegram Mini App is given; who it names is looked up with every request.
DASHBOARD_TOKEN_LIFETIME = timedelta(hours=env.int("DASHBOARD_TOKEN_HOURS", 12))
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "SIGNING_KEY": env.str("JWT_SIGNING_KEY", "") or SECRET_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": "igny8",
}

# --- Security -----------------------------------------------------------------------------------------------------
# Said once: else Django works it out of each request.
FORCE_SCRIPT_NAME = env.str("SCRIPT_NAME", "")
# Secure unless the product is served on plain http, as the embedded run on loopback is.
HTTPS = env.bool("HTTPS", PUBLIC_URL.startswith("https://"))
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 1 if env.bool("BEHIND_PROXY", False) else 0)
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^api/v1/system/health/$"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "apps.core.errors.csrf_failure"
INTERNAL_API_TOKEN = [t.strip() for t in env.str("INTERNAL_API_TOKEN", "").split(",") if t.strip()]
if not INTERNAL_API_TOKEN and _needs_database and EMBEDDED is not None:
    INTERNAL_API_TOKEN = [EMBEDDED.internal_api_token]
# Names for the log, in the order of the tokens; addresses (CIDR) that may call, none = all.
INTERNAL_API_TOKEN_NAMES = [n.strip() for n in env.list("INTERNAL_API_TOKEN_NAMES", default=[])]
INTERNAL_ALLOW_IPS = env.list("INTERNAL_ALLOW_IPS", default=[])
# Who knows the bearer tokens that people send there: the InternalCaller of a token, or None.
INTERNAL_BEARER = "apps.accounts.dashboard.dashboard_of"
OUTBOUND_ALLOW_PRIVATE = env.list("OUTBOUND_ALLOW_PRIVATE", default=[])
# An ingest batch may be 64 MiB; every other body is held to MAX_BODY_BYTES by the middleware.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", 10 * 1024 * 1024)
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", 200 * 1024 * 1024)

# --- Files --------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", str(embedded.state_dir() / "static")).__str__()
# Each file once, by its hashed name; none compressed that only a developer's browser asks for.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = "map jpg jpeg png gif webp zip gz br woff woff2".split()
MEDIA_URL = "/media/"
MEDIA_ROOT = env.str("MEDIA_ROOT", str(embedded.state_dir() / "media"))
# Below it system/health/ says that the disk is full.
DISK_MIN_FREE_MB = env.int("DISK_MIN_FREE_MB", 512)
# With a bucket, files go to S3, or to whatever speaks its API; else into MEDIA_ROOT.
MEDIA_S3_BUCKET = env.str("MEDIA_S3_BUCKET", "")
MEDIA_S3 = {
    "bucket_name": MEDIA_S3_BUCKET,
    "endpoint_url": env.str("MEDIA_S3_ENDPOINT", "") or None,
    "region_name": env.str("MEDIA_S3_REGION", "") or None,
    "access_key": env.str("MEDIA_S3_ACCESS_KEY", "") or None,
    "secret_key": env.str("MEDIA_S3_SECRET_KEY", "") or None,
    "location": env.str("MEDIA_S3_PREFIX", ""),
    # Private objects that only we read: whoever may see a file gets it from us.
    "default_acl": None,
    "file_overwrite": False,
    "signature_version": "s3v4",
}
STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": MEDIA_S3}
    if MEDIA_S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # On the embedded run nobody is far away, and compressing would be most of its first start.
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        if _needs_database
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_AUTOREFRESH = DEBUG

# --- Mail ---------------------------------------------------------------------------------------------------------
if _needs_database and not env.str("EMAIL_URL", ""):
    # A folder of files: nothing leaves a machine that only tries it out.
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(embedded.state_dir() / "mail")
else:
    vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 20)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Igny8 <no-reply@localhost>")

# --- Telegram -----------------------------------------------------------------------------------------------------
TELEGRAM_BOT_TOKEN = env.str("TELEGRAM_BOT_TOKEN", "")
TELEGRAM_API_BASE = env.str("TELEGRAM_API_BASE", "https://api.telegram.org")

# --- The API ------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.BearerAuthentication",
        "apps.accounts.authentication.ApiKeyAuthentication",
        "apps.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.core.permissions.TenantPermission"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.ratelimit.ScopedRateLimit"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.renderers.EnvelopeRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.core.renderers.JsonNegotiation",
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.pagination.PagePagination",
    "DEFAULT_FILTER_BACKENDS": [
        "apps.core.filters.FilterBackend",
        "apps.core.filters.SearchFilter",
        "apps.core.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "apps.core.schema.TenantSchema",
    "EXCEPTION_HANDLER": "apps.core.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Requests a minute, counted per account or key, without one per address. 0 turns a scope off.
RATE_LIMITS = {
    "ai": env.int("RATE_LIMIT_AI", 60),
    "content": env.int("RATE_LIMIT_CONTENT", 100),
    "auth": env.int("RATE_LIMIT_AUTH", 20),
    "general": env.int("RATE_LIMIT_GENERAL", 300),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Igny8 API",
    "DESCRIPTION": "From keywords to published articles. Every JSON answer but a list is "
    '`{"success": true, "data": …}`; a list is `{"count", "next", "previous", "results"}`; an error is '
    '`{"success": false, "error", "code", "details"?}`.',
    "VERSION": "1.8.4",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "PREPROCESSING_HOOKS": ["apps.core.schema.only_canonical_routes"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.core.schema.envelope",
        "apps.core.internal_schema.internal_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "TelegramRole": "apps.accounts.models.TelegramRole",
        "AccountStatus": "apps.accounts.models.Account.Status",
        "UserRole": "apps.accounts.models.User.Role",
        "InvitationStatus": "apps.accounts.models.Invitation.Status",
        "SubscriptionStatus": "apps.accounts.models.Subscription.Status",
        "RunStatus": "apps.automation.models.Run.Status",
        "Weekday": "apps.integration.models.WEEKDAYS",
        "KeywordStatus": "apps.planner.models.Keyword.Status",
        "ClusterStatus": "apps.planner.models.Cluster.Status",
        "IdeaStatus": "apps.planner.models.ContentIdea.Status",
        "ContentType": "apps.planner.models.ContentType",
        "Structure": "apps.planner.models.Structure",
        "Intent": "apps.planner.models.Intent",
        "TaskStatus": "apps.writer.models.Task.Status",
        "ContentStatus": "apps.writer.models.Content.Status",
        "SiteStatus": "apps.writer.models.Content.SiteStatus",
        "ImageStatus": "apps.writer.models.Image.Status",
        "ImageKind": "apps.writer.models.Image.Kind",
        "OptimizationStatus": "apps.optimizer.models.Optimization.Status",
        "CheckStatus": "apps.optimizer.scoring.STATUSES",
        "PublishingStatus": "apps.publisher.models.PublishingRecord.Status",
        "SourceType": "apps.parsing.models.Source.Type",
        "SourceStrategy": "apps.parsing.models.Source.Strategy",
        "SourceStatus": "apps.parsing.models.Source.Status",
        "SourceRunStatus": "apps.parsing.models.SourceRun.Status",
        "JobStates": "apps.core.models.Job.State",
        "NotificationType": "apps.notifications.models.Notification.Type",
        "EntryKind": "apps.billing.models.CreditEntry.Kind",
        "PriceUnit": "apps.billing.models.CreditPrice.Unit",
        "InvoiceStatus": "apps.billing.models.Invoice.Status",
        "InvoiceKind": "apps.billing.models.Invoice.Kind",
        "InvoiceLineKind": "apps.billing.models.InvoiceLine.Kind",
        "PaymentStatus": "apps.billing.models.Payment.Status",
        "DisputeState": "apps.billing.models.Payment.DisputeState",
        "PaymentBy": "apps.billing.models.Payment.Method",
        "PaymentMethodKind": "apps.billing.models.PaymentMethod.Kind",
    },
}

# --- Billing ------------------------------------------------------------------------------------------------------
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", "")
STRIPE_WEBHOOK_SECRETS = [s.strip() for s in env.str("STRIPE_WEBHOOK_SECRETS", "").split(",") if s.strip()]
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com").rstrip("/")
BANK_TRANSFER_DETAILS = env.str("BANK_TRANSFER_DETAILS", "")
INVOICE_SELLER_NAME = env.str("INVOICE_SELLER_NAME", "Igny8")
INVOICE_SELLER_ADDRESS = env.str("INVOICE_SELLER_ADDRESS", "")
INVOICE_SELLER_TAX_ID = env.str("INVOICE_SELLER_TAX_ID", "")
INVOICE_PREFIX = env.str("INVOICE_PREFIX", "INV")
CREDIT_NOTE_PREFIX = env.str("CREDIT_NOTE_PREFIX", "CN")
INVOICE_DUE_DAYS = env.int("INVOICE_DUE_DAYS", 14)
PAYMENT_GRACE_DAYS = env.int("PAYMENT_GRACE_DAYS", 7)
STAFF_EMAIL = env.str("STAFF_EMAIL", "")
STRIPE_EVENT_DAYS = env.int("STRIPE_EVENT_DAYS", 90)

# --- Jobs ---------------------------------------------------------------------------------------------------------
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", 20)
JOB_RENEW_SECONDS = env.float("JOB_RENEW_SECONDS", 5)
JOB_SWEEP_SECONDS = env.float("JOB_SWEEP_SECONDS", 5)
# kind -> the function that does it, the one that hears of its failure, and the queue (apps.core.queues.Queue).
JOB_KINDS: dict[str, dict] = {
    "notifications.digest": {
        "run": "apps.notifications.tasks.run_digest",
        "on_failed": "apps.notifications.tasks.digest_failed",
        "queue": "default",
    },
    "notifications.webhook": {
        "run": "apps.notifications.tasks.run_webhook",
        "on_failed": "apps.notifications.tasks.webhook_failed",
        "queue": "sync",
    },
    "notifications.site_setup": {
        "run": "apps.notifications.tasks.run_site_setup",
        "on_failed": "apps.notifications.tasks.site_setup_failed",
        "queue": "default",
    },
    "mail.send": {
        "run": "apps.accounts.tasks.run_mail",
        "on_failed": "apps.accounts.tasks.mail_failed",
        "queue": "default",
    },
    "billing.stripe_event": {
        "run": "apps.billing.tasks.run_stripe_event",
        "on_failed": "apps.billing.tasks.stripe_event_failed",
        "queue": "default",
    },
    "billing.paper": {
        "run": "apps.billing.tasks.run_paper",
        "on_failed": "apps.billing.tasks.paper_failed",
        "queue": "default",
    },
    "billing.autopay": {
        "run": "apps.billing.tasks.run_autopay",
        "on_failed": "apps.billing.tasks.autopay_failed",
        "queue": "default",
    },
    "linker.batch": {
        "run": "apps.linker.tasks.run_batch",
        "on_failed": "apps.linker.tasks.batch_failed",
        "queue": "ai",
    },
    "keywords.upload": {
        "run": "apps.planner.tasks.run_upload",
        "on_failed": "apps.planner.tasks.upload_failed",
        "queue": "default",
    },
    "clusters.auto": {
        "run": "apps.planner.tasks.run_auto_cluster",
        "on_failed": "apps.planner.tasks.auto_cluster_failed",
        "queue": "ai",
    },
    "ideas.generate": {
        "run": "apps.planner.tasks.run_generate_ideas",
        "on_failed": "apps.planner.tasks.generate_ideas_failed",
        "queue": "ai",
    },
    "content.generate": {
        "run": "apps.writer.tasks.run_generate_content",
        "on_failed": "apps.writer.tasks.generate_content_failed",
        "queue": "ai",
    },
    "content.optimize": {
        "run": "apps.optimizer.tasks.run_optimize",
        "on_failed": "apps.optimizer.tasks.optimize_failed",
        "queue": "ai",
    },
    "content.batch_optimize": {
        "run": "apps.optimizer.tasks.run_batch_optimize",
        "on_failed": "apps.optimizer.tasks.optimize_failed",
        "queue": "ai",
    },
    "content.links": {
        "run": "apps.writer.tasks.run_check_links",
        "on_failed": "apps.writer.tasks.check_links_failed",
        "queue": "default",
    },
    "images.generate": {
        "run": "apps.writer.tasks.run_generate_images",
        "on_failed": "apps.writer.tasks.generate_images_failed",
        "queue": "images",
    },
    "images.regenerate": {
        "run": "apps.writer.tasks.run_regenerate_image",
        "on_failed": "apps.writer.tasks.regenerate_image_failed",
        "queue": "images",
    },
    "integration.sync": {
        "run": "apps.integration.tasks.run_sync",
        "on_failed": "apps.integration.tasks.run_sync_failed",
        "queue": "sync",
    },
    "integration.webhook": {
        "run": "apps.integration.tasks.run_webhook",
        "on_failed": "apps.integration.tasks.run_webhook_failed",
        "queue": "sync",
    },
    "content.publish": {
        "run": "apps.publisher.tasks.run_publish",
        "on_failed": "apps.publisher.tasks.publish_failed",
        "queue": "publish",
    },
    "automation.run": {
        "run": "apps.automation.tasks.run_run",
        "on_failed": "apps.automation.tasks.run_failed",
        "queue": "ai",
    },
}

# --- Crawling -----------------------------------------------------------------------------------------------------
# How long a crawl is its worker's without a sign of life, and one whose worker gives none, or that nobody took.
PARSING_LEASE_SECONDS = env.float("PARSING_LEASE_SECONDS", 60)
PARSING_TASK_SECONDS = env.float("PARSING_TASK_SECONDS", 3600)
PARSING_SWEEP_SECONDS = env.float("PARSING_SWEEP_SECONDS", 15)
PARSING_ACTIVATIONS_PER_DAY = env.int("PARSING_ACTIVATIONS_PER_DAY", 200)

# --- Celery -------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or EMBEDDED.broker_url
_quorum = CELERY_BROKER_URL.startswith(("amqp://", "amqps://", "pyamqp://"))
# Quorum queues survive the loss of a node; they take no global QoS, which Celery sees by itself. With a topic exchange
# a task with a countdown waits in the broker, not in a worker that then has no room for others.
_queue_options = (
    {"exchange": Exchange("igny8", type="topic"), "queue_arguments": {"x-queue-type": "quorum"}}
    if _quorum
    else {}
)
CELERY_TASK_QUEUES = [Queue(name, routing_key=name, **_queue_options) for name in QueueName]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum" if _quorum else "classic"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"confirm_publish": True}
    if _quorum
    # Redelivery after a SIGKILL must not wait for the default restore interval; the visibility time-out must
    # stay above the longest task.
    else {"visibility_timeout": 7200, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
)
CELERY_BEAT_SCHEDULE = {
    "jobs-sweep": {"task": "apps.core.tasks.sweep_jobs", "schedule": JOB_SWEEP_SECONDS},
    "credits-sweep": {"task": "apps.billing.tasks.sweep_holds", "schedule": 60.0},
    "payments-tidy": {"task": "apps.billing.tasks.tidy_payments", "schedule": 3600.0},
    "plans-renew": {"task": "apps.billing.tasks.renew_plans", "schedule": 300.0},
    "stripe-forget": {"task": "apps.billing.tasks.forget_events", "schedule": crontab(minute=47, hour=3)},
    "sessions-forget": {
        "task": "apps.accounts.tasks.forget_sessions",
        "schedule": crontab(minute=41, hour=3),
    },
    "invitations-expire": {"task": "apps.accounts.tasks.expire_invitations", "schedule": 3600.0},
    "core-cleanup": {"task": "apps.core.tasks.clean_up", "schedule": crontab(minute=17, hour=3)},
    "search-follow": {"task": "apps.intelligence.tasks.follow_products", "schedule": 10.0},
    "products-score": {"task": "apps.intelligence.tasks.score_products", "schedule": 60.0},
    "categories-suggest": {"task": "apps.intelligence.tasks.suggest_categories", "schedule": 300.0},
    "telegram-send": {"task": "apps.notifications.tasks.send_telegram", "schedule": 30.0},
    "telegram-forget": {
        "task": "apps.notifications.tasks.forget_telegram",
        "schedule": crontab(minute=29, hour=3),
    },
    "digests-start": {"task": "apps.notifications.tasks.start_digests", "schedule": crontab(minute=7)},
    "notifications-forget": {
        "task": "apps.notifications.tasks.forget_notifications",
        "schedule": crontab(minute=53, hour=3),
    },
    "workers-forget": {"task": "apps.system.tasks.forget_workers", "schedule": crontab(minute=29, hour=3)},
    "automation-due": {"task": "apps.automation.tasks.start_due_runs", "schedule": 20.0},
    "parsing-due": {"task": "apps.parsing.tasks.enqueue_due", "schedule": PARSING_SWEEP_SECONDS},
    "parsing-sweep": {"task": "apps.parsing.tasks.sweep_runs", "schedule": PARSING_SWEEP_SECONDS},
    "publish-due": {"task": "apps.publisher.tasks.publish_due", "schedule": 20.0},
    "publish-tidy": {"task": "apps.publisher.tasks.tidy_posts", "schedule": 300.0},
    "sync-due": {"task": "apps.integration.tasks.start_due_syncs", "schedule": 300.0},
    "sync-forget": {"task": "apps.integration.tasks.forget_syncs", "schedule": crontab(minute=7, hour=4)},
}

# --- AI -----------------------------------------------------------------------------------------------------------
OPENAI_API_KEY = env.str("OPENAI_API_KEY", "")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", "")
ANTHROPIC_API_KEY = env.str("ANTHROPIC_API_KEY", "")
ANTHROPIC_BASE_URL = env.str("ANTHROPIC_BASE_URL", "")
AI_TEXT_MODEL = env.str("AI_TEXT_MODEL", "")
AI_IMAGE_MODEL = env.str("AI_IMAGE_MODEL", "")
# What clustering knows of the meaning of keywords: static, or minilm (see requirements/minilm.in).
CLUSTERING_TIER = env.str("CLUSTERING_TIER", "static")
# Calls at a time to one provider, over all processes.
AI_CONCURRENCY = {
    "openai": env.int("AI_CONCURRENCY_OPENAI", 16),
    "anthropic": env.int("AI_CONCURRENCY_ANTHROPIC", 8),
    "offline": env.int("AI_CONCURRENCY_OFFLINE", 2),
}
AI_TIMEOUT_SECONDS = env.float("AI_TIMEOUT_SECONDS", 120)

# --- Articles -----------------------------------------------------------------------------------------------------
CONTENT_VERSIONS_KEPT = env.int("CONTENT_VERSIONS_KEPT", 50)
LINKER_MAX_LINKS = env.int("LINKER_MAX_LINKS", 5)
LINKER_WORDS_PER_LINK = env.int("LINKER_WORDS_PER_LINK", 150)

# --- WordPress ----------------------------------------------------------------------------------------------------
# How long a site is left alone before it is asked by itself what has changed.
WORDPRESS_SYNC_HOURS = env.float("WORDPRESS_SYNC_HOURS", 6)

# --- Logs ---------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "apps.core.middleware.RequestIdFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "ERROR"},
    },
}

# CSV in and out of the admin: by who may add or see, kept in the storage that all web servers share until confirmed,
# and without formulas that a spreadsheet would run.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_TMP_STORAGE_CLASS = "import_export.tmp_storages.MediaStorage"
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
UNFOLD = {
    "SITE_TITLE": "Igny8",
    "SITE_HEADER": "Igny8",
    "SITE_SYMBOL": "rocket_launch",
    "LOGIN": {"form": "apps.accounts.forms.LoginForm"},
}
