"""Django's settings, made from the environment."""

import os
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from endpoints.policy import SEND_TIMEOUT_MAX
from webhooks_platform import env
from webhooks_platform.lib import metrics_directory

ENVIRONMENT = env.read()
# Before anything imports prometheus_client.
metrics_directory.share_if_lasting(str(ENVIRONMENT.DATABASE_URL))
metrics_directory.name_processes()
PRODUCTION = ENVIRONMENT.WEBHOOKS_ENV == "production"
ROOT = env.ROOT

DEBUG = ENVIRONMENT.WEBHOOKS_DEBUG
SECRET_KEY = ENVIRONMENT.SECRET_KEY
ALLOWED_HOSTS = [
    *ENVIRONMENT.WEBHOOKS_ALLOWED_HOSTS,
    urlsplit(ENVIRONMENT.WEBHOOKS_PUBLIC_URL).hostname or "",
    "127.0.0.1",
    "localhost",
    "[::1]",
]

INSTALLED_APPS = [
    # Before the admin, whose templates some of theirs replace.
    "endpoints",
    "deliveries",
    "endpoints.admin_site.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "webhooks_platform",
]

MIDDLEWARE = [
    "webhooks_platform.api.request_ids.RequestIdMiddleware",
    "webhooks_platform.api.trailing_slash.TrailingSlashMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "webhooks_platform.lib.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "endpoints.api.idempotency.IdempotencyMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "webhooks_platform.urls"
WSGI_APPLICATION = None
DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.WEBHOOKS_MAX_BODY
# The svix SDKs follow no redirects; a missing or extra slash is answered in place.
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """Turn a libpq URL into Django's form; a query parameter goes to libpq as it is."""
    parts = conninfo_to_dict(url)
    names = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    database = {django: parts.pop(libpq, "") for libpq, django in names.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        # One connection for each thread of the server's fixed pool, kept while it works.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": "webhooks", **parts},
        **database,
    }


DATABASES = {"default": _database(str(ENVIRONMENT.DATABASE_URL))}
REDIS_URL = str(ENVIRONMENT.REDIS_URL)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = ["webhooks_platform.formats"]
STATIC_URL = "static/"
STATIC_ROOT = ROOT / "staticfiles"
# What collectstatic has collected is served from memory; without it, files are looked up.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()

HTTPS = ENVIRONMENT.WEBHOOKS_PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# Probes and the API come over plain HTTP from inside, and their clients follow no redirects.
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz|metrics)/?$", r"^api/"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["endpoints.api.authentication.BearerKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["endpoints.api.permissions.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": ["webhooks_platform.api.rendering.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "webhooks_platform.api.rendering.OnlyJSON",
    "DEFAULT_PARSER_CLASSES": ["webhooks_platform.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "webhooks_platform.api.exceptions.handle",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Webhooks platform",
    "DESCRIPTION": "Publish events, manage their receivers, follow and repeat deliveries. "
    "The wire of svix-server, so that the official svix SDKs work, and our own routes beside it.",
    "VERSION": "1",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/"}],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Its validator is a service on the internet.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "REDOC_DIST": "SIDECAR",
    # Enums stay where they are used: several fields have one name and other values.
    "POSTPROCESSING_HOOKS": [
        "deliveries.api.schema.add_publish",
        "webhooks_platform.api.document.complete",
    ],
}

LOGGING_CONFIG = "webhooks_platform.log_config.configure"
LOGGING = {"json": PRODUCTION}

# Celery carries hints. Its broker options bound what a dead or hung Redis costs (measured: the
# defaults block a publisher for more than 40 s and give a lost message back after an hour).
CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5.0,
    "socket_connect_timeout": 1.0,
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "webhooks"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
#: Without `--concurrency`: API servers and PostgreSQL need the other half of the cores.
CELERY_WORKER_CONCURRENCY = max(1, len(os.sched_getaffinity(0)) // 2)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
CELERY_BEAT_SCHEDULE = {
    "drain": {"task": "deliveries.tasks.drain", "schedule": 30.0, "options": {"expires": 30}},
    "sweep": {"task": "deliveries.tasks.sweep", "schedule": 30.0, "options": {"expires": 30}},
    "replay": {"task": "deliveries.tasks.replay", "schedule": 30.0, "options": {"expires": 30}},
    "upkeep": {"task": "deliveries.tasks.upkeep", "schedule": 3600.0, "options": {"expires": 3600}},
}
#: Seconds for which a drain task waits for its loop to become idle.
DRAIN_TASK_SECONDS = 1.0
#: Seconds a worker's child may take to finish its sends after SIGTERM: the longest that a tenant
#: or an endpoint can ask for, and 5; it takes no longer than what is in flight does.
WORKER_STOP_SECONDS = SEND_TIMEOUT_MAX + 5.0
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = WORKER_STOP_SECONDS
