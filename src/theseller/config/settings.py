"""Django's settings, the same file for every deployment.

`environment.py` has what differs, the secret provider what is secret.
"""

from __future__ import annotations

import os
import secrets as stdlib_secrets
import sys
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from django.utils.functional import SimpleLazyObject

from theseller.amazon.endpoints import Endpoints
from theseller.config.database_settings import database_settings
from theseller.config.egress_and_subprocessors import destinations, read_register
from theseller.config.environment import Hsts, ProcessRole, read_environment
from theseller.config.mail_settings import read_mail_settings
from theseller.config.oidc_settings import read_oidc_settings
from theseller.config.operator_on_security_page import read_operator_identity
from theseller.config.release_settings import read_release_settings
from theseller.config.sign_up_settings import read_sign_up_mode
from theseller.config.state_export_settings import read_state_export_settings
from theseller.config.trace_settings import read_traces_url
from theseller.crypto.cached_secrets import CachedValue
from theseller.crypto.errors import SecretNotFoundError
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.secret_and_key_config import make_key_store, make_secret_provider
from theseller.edge.csp_directives import content_security_policy
from theseller.lib.core_dump_and_memory_limits import disable_core_dumps
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.secret_type import Secret
from theseller.lib.structured_logging import configure_logging

# Before the first secret is read, whichever server or script is reading these settings.
disable_core_dumps()

ENVIRONMENT = read_environment(os.environ, default_state=Path(__file__).parents[3] / "state")

# --- Secrets and keys: only by name, only from the provider
SECRETS = make_secret_provider(ENVIRONMENT.secret_config, os.environ)
# Made at first use, and again after a failure: migrations and checks need no key, and a key service
# may be down just now.
KEY_STORE: KeyStore = cast(
    "KeyStore",
    SimpleLazyObject(lambda: make_key_store(ENVIRONMENT.secret_config, SECRETS, os.environ)),
)


#: Returns the key that signs tenant tickets; the database has its HMAC blocks
#: (`tenancy/sql/guard.sql`). It is read again every other second.
TENANT_TICKET_KEY: CachedValue[Secret] = CachedValue(lambda: SECRETS.get("tenant-ticket-key"))


def LWA_CLIENT_SECRETS() -> list[Secret]:  # noqa: N802
    """Return the valid client secrets of the Amazon application.

    Newest first. Two are valid while one is being rotated.

    Raises:
        SecretNotFoundError: there is none.
    """
    names = ("lwa-client-secret", "lwa-client-secret-previous")
    found = [secret for name in names if (secret := _secret_or_none(name)) is not None]
    if not found:
        raise SecretNotFoundError("lwa-client-secret")
    return found


def _secret_or_none(name: str) -> Secret | None:
    try:
        return SECRETS.get(name)
    except SecretNotFoundError:
        return None


def _session_keys() -> tuple[str, list[str]]:
    """Return the key that signs sessions, and those that are accepted, too.

    During a rotation these are the next key and the previous one.
    """
    # The next one first: it may replace the present one while we read, and must not be missed.
    coming, present, former = (
        _secret_or_none(f"django-session-key{which}") for which in ("-next", "", "-previous")
    )
    if present is not None:
        return present.reveal(), [key.reveal() for key in (coming, former) if key is not None]
    if ENVIRONMENT.kind.guarded and ENVIRONMENT.role is ProcessRole.WEB:
        raise SecretNotFoundError("django-session-key")
    return _TOOLS_KEY, []  # Tools and migrations sign nothing that outlives them.


_TOOLS_KEY = stdlib_secrets.token_urlsafe(48)
#: Returns both, read again every other second; `config.session_key_reload` puts them into
#: the settings.
SESSION_KEYS: CachedValue[tuple[str, list[str]]] = CachedValue(_session_keys)
SECRET_KEY, SECRET_KEY_FALLBACKS = SESSION_KEYS()
#: Secrets are replaced when they are this old; the cap can't be raised.
ROTATION_DAYS = ENVIRONMENT.rotation_days
#: Report types of which Amazon makes few a day, and how many are requested for a connection.
REPORTS_PER_DAY = {"GET_SALES_AND_TRAFFIC_REPORT": ENVIRONMENT.traffic_reports_per_day}

# --- Amazon
AMAZON_ENDPOINTS = (
    Endpoints.emulated(ENVIRONMENT.emulator_url) if ENVIRONMENT.emulator_url else Endpoints.amazon()
)
#: The mail server, the sender and the authorities that may get notices.
MAIL = read_mail_settings(os.environ, ENVIRONMENT.kind)
#: Whether people may open shops themselves.
SIGN_UP = read_sign_up_mode(os.environ, MAIL)
#: The identity provider of single sign-on, if there is one.
OIDC = read_oidc_settings(os.environ, ENVIRONMENT.kind)
#: The OpenTelemetry collector that gets traces; "" for none.
TRACES_URL = read_traces_url(os.environ)
#: Every host that this deployment may call, and who its operator says is behind those that are not
#: Amazon or this machine.
EGRESS = destinations(ENVIRONMENT, AMAZON_ENDPOINTS, MAIL, OIDC, traces_url=TRACES_URL)
SUBPROCESSORS = read_register(os.environ)
#: Whom the security page names as the operator of this deployment.
OPERATOR_IDENTITY = read_operator_identity(os.environ)
# Where the worker exports the state folder to, for which key, and how old an export may be.
STATE_EXPORTS = read_state_export_settings(os.environ)
# With which release's manifest the control `sdl-installed` compares the installed files.
RELEASE = read_release_settings(os.environ)
LWA_REDIRECT_URI = f"{ENVIRONMENT.public_url}/connections/callback/"

# --- Django
DEBUG = False
ALLOWED_HOSTS = [
    ENVIRONMENT.public_url.split("://", 1)[1].split(":", 1)[0].split("/", 1)[0],
    "localhost",
    "127.0.0.1",
]
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.public_url]
ROOT_URLCONF = "theseller.config.urls"
WSGI_APPLICATION = "theseller.config.wsgi.application"
#: Seals archived WAL into the newest backup. `erasure` calls it before it certifies that no WAL of
#: erased rows is left unencrypted.
ERASURE_WAL_SEALER = "theseller.backups.scheduled_operations.seal_archived_wal"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "procrastinate.contrib.django",
    "theseller.edge",
    "theseller.audit",
    "theseller.tenancy",
    "theseller.mail",
    "theseller.accounts",
    "theseller.connections",
    "theseller.ingest",
    "theseller.buyer_pii",
    "theseller.analytics",
    "theseller.retention",
    "theseller.erasure",
    "theseller.backups",
    "theseller.governance",
    "theseller.privacy",
    "theseller.key_rotation",
    "theseller.operators",
    "theseller.controls",
]
MIDDLEWARE = [
    "theseller.edge.request_spans.RequestSpanMiddleware",
    "theseller.edge.request_metrics.RequestMetricsMiddleware",
    "theseller.edge.request_ids_and_headers.RequestIdMiddleware",
    "theseller.edge.proxies_and_health_checks.TrustedProxyMiddleware",
    "theseller.controls.prober_reports.arrived_prober_requests.ProberArrivalMiddleware",
    "theseller.edge.request_ids_and_headers.SecurityHeadersMiddleware",
    "theseller.edge.proxies_and_health_checks.HealthCheckMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "theseller.edge.static_files.StaticFilesMiddleware",
    "theseller.edge.request_language.LanguageMiddleware",
    "theseller.edge.database_outage.OutageMiddleware",
    "theseller.config.session_key_reload.SessionKeysMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "theseller.accounts.language_choice.AccountLanguageMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "theseller.edge.key_service_outage.KeyServiceMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "theseller.edge.page_context.page_frame",
                "theseller.config.context_processors.deployment_context",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "theseller.edge.templatetags.edge_ui",
            ],
        },
    }
]
DATABASES = database_settings(ENVIRONMENT, SECRETS)
DATABASE_ROUTERS = ["theseller.edge.database_routing.AccountsRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- What packages plug into others
#: Gives operators with an open access session the context of that tenant.
TENANT_ACCESS_PROVIDER = (
    "theseller.operators.shop_access.session_authorization.AccessSessionProvider"
)
#: Measures the state of the deployment for the operators' status page.
DEPLOYMENT_STATE = "theseller.config.deployment_state_measurement.deployment_state"
#: Says whether an address has an open invitation, and so may get one by mail; "" if there are none.
MAIL_INVITATION_CHECK = "theseller.accounts.members.invited_address_check.has_open_invitation"
#: Says whether an address requested to open a shop; "" if no one may.
MAIL_SIGN_UP_CHECK = "theseller.accounts.sign_up.queries.has_open_request"
#: Navigation entries that not every shop has, by URL name, with the function that decides.
NAVIGATION_CONDITIONS = {
    "accounts:members": "theseller.accounts.members.navigation_visibility.may_manage_members",
    "buyer_pii:orders": "theseller.buyer_pii.navigation_visibility.can_print_slips",
    "connections:overview": "theseller.accounts.members.navigation_visibility.is_unlimited",
    "ingest:import": "theseller.accounts.members.navigation_visibility.is_unlimited",
}

# --- People and sessions
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["theseller.accounts.password_backend.PasswordBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "theseller.accounts.session_store"
_HTTPS = ENVIRONMENT.public_url.startswith("https://")
# With the prefix a browser takes the cookie only from this very host, over https: no other host of
# the domain can set it.
COOKIE_PREFIX = "__Host-" if _HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}theseller_session"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
# Lax, not Strict: the return from Seller Central is a cross-site navigation and must find the
# session it began in.
SESSION_COOKIE_SAMESITE = "Lax"
#: The cookie by which a browser that someone has signed in with is known again
#: (`accounts.known_browser_cookie`).
DEVICE_COOKIE_NAME = f"{COOKIE_PREFIX}theseller_device"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}theseller_csrf"
CSRF_FAILURE_VIEW = "theseller.edge.views.csrf_failure"


def _form_targets() -> list[str]:
    # "Continue to Amazon" is a POST that is redirected to Seller Central, and browsers hold the
    # whole chain to `form-action`.
    if ENVIRONMENT.emulator_url:
        return [ENVIRONMENT.emulator_url]
    return sorted(
        {f"https://{marketplace.seller_central_host}" for marketplace in MARKETPLACES.values()}
    )


SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS

# --- HTTPS and proxies
#: Whose `X-Forwarded-For` and `X-Forwarded-Proto` are accepted. `SECURE_PROXY_SSL_HEADER` stays
#: unset: it would accept anyone's.
THESELLER_TRUSTED_PROXIES = ENVIRONMENT.trusted_proxies
SECURE_SSL_REDIRECT = _HTTPS
SECURE_SSL_HOST = urlsplit(ENVIRONMENT.public_url).netloc if _HTTPS else None
#: Two years. The preload list takes no less than one (https://hstspreload.org).
SECURE_HSTS_SECONDS = 63_072_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.hsts is not Hsts.HOST
SECURE_HSTS_PRELOAD = ENVIRONMENT.hsts is Hsts.PRELOAD
# Set by `edge.request_ids_and_headers`, on documents only.
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = None
CONTENT_SECURITY_POLICY = content_security_policy(form_action=_form_targets())

# --- Uploads stay in memory: report files contain buyers' data until the decoder drops it, and
# deleted bytes stay on a disk
UPLOAD_BYTES_MAX = 64 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_BYTES_MAX
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# --- Language, time, files
# The language of the marked texts, of logs, evidence and the command line, and of browsers that ask
# for no other of `LANGUAGES` (docs/develop/add-a-language.md).
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
USE_I18N = True
LOCALE_PATHS = [Path(__file__).parents[1] / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Served straight from the packages (`edge/static_files.py`): nothing is collected, nothing can be
# out of date.
STATIC_ROOT = None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "theseller.edge.static_files.VersionedStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Logs: one redactor for everything
LOGGING_CONFIG = None
configure_logging(ENVIRONMENT.role.value, sys.stderr)

PROCRASTINATE_ON_APP_READY = "theseller.config.job_registration.on_app_ready"
SILENCED_SYSTEM_CHECKS: list[str] = []
