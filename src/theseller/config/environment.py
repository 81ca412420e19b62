"""The environment variables, read once and typed.

A wrong value stops the process with a message that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from theseller.amazon.feature_requirements import OFFERED, roles_for
from theseller.amazon.roles import RestrictedRole, Role
from theseller.crypto.secret_and_key_config import (
    KEY_STORE,
    PROVIDER,
    InvalidSecretConfigError,
    SecretConfig,
    parse_secret_config,
)
from theseller.lib.ip_networks_and_proxies import NO_PROXIES, TrustedProxies, parse_proxies
from theseller.lib.policy_time_limits import SECRET_DAYS_MAX
from theseller.postgres.role_setup import QUARANTINE

Choice = TypeVar("Choice", bound=StrEnum)


#: What the emulated Amazon knows the application by; Amazon does not.
#: Sales and traffic reports that are requested for a connection in a day. Amazon documents three in
#: five minutes; since April 2026 applications were seen limited to one in a quarter of an hour. The
#: default is the lower, the maximum the higher of the two. Source: "Seller retail analytics
#: reports"; github.com/amzn/selling-partner-api-models #5210.
TRAFFIC_REPORTS_PER_DAY, TRAFFIC_REPORTS_MAX = 96, 864
DEMO_CLIENT_ID, DEMO_APPLICATION_ID = (
    "amzn1.application-oa2-client.demo",
    "amzn1.sellerapps.app.demo",
)


class InvalidSettingError(ValueError):
    """A setting is missing or wrong."""


class EnvironmentKind(StrEnum):
    """What this deployment is for.

    It is part of every key's identity, so that one kind cannot read another's data.
    """

    DEMO = "demo"
    PRODUCTION = "production"
    # production's rules, with keys and a database of its own, and the emulated Amazon if wanted
    STAGING = "staging"
    TEST = "test"

    @property
    def guarded(self) -> bool:
        """Whether it serves real people.

        Then it needs https, a stored session key, and secrets in a service.
        """
        return self in {EnvironmentKind.PRODUCTION, EnvironmentKind.STAGING}


class Hsts(StrEnum):
    """How far `Strict-Transport-Security` reaches."""

    PRELOAD = "preload"  # this host and its subdomains, and browsers may preload it
    SUBDOMAINS = "subdomains"
    HOST = "host"


class ProcessRole(StrEnum):
    """Which of the database roles this process connects as."""

    AUTH = "auth"
    MIGRATE = "migrate"
    OPERATOR = "operator"
    PII = "pii"
    PROBE = "probe"
    RETENTION = "retention"
    WEB = "web"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Environment:
    """The configuration of this process from its environment, without secrets."""

    kind: EnvironmentKind
    role: ProcessRole
    state: Path
    database_url: str | None
    database_name: str
    emulator_url: str | None
    public_url: str
    lwa_client_id: str
    application_id: str
    application_is_draft: bool
    secret_config: SecretConfig
    backups: str = ""
    rotation_days: int = SECRET_DAYS_MAX
    database_administrators: tuple[str, ...] = ()
    volumes_encrypted_by: str = ""
    restricted_roles: tuple[RestrictedRole, ...] = ()
    trusted_proxies: TrustedProxies = NO_PROXIES
    hsts: Hsts = Hsts.PRELOAD
    application_roles: tuple[Role, ...] = roles_for(OFFERED)
    traffic_reports_per_day: int = TRAFFIC_REPORTS_PER_DAY

    @property
    def in_quarantine(self) -> bool:
        """Whether the database is a restored one in quarantine.

        It is not the deployment's database yet.
        """
        return _in_quarantine(self.database_url or "")

    @property
    def external_server(self) -> bool:
        """Whether the database server is not the one embedded in this folder.

        A quarantine is not external.
        """
        return self.database_url is not None and not self.in_quarantine

    @property
    def stores_keys_on_this_host_only(self) -> bool:
        """Whether secrets or keys are here but the database is elsewhere.

        They are in files of this state folder, while other hosts can reach the external database.
        """
        return self.external_server and self.secret_config.in_files

    @property
    def secrets_directory(self) -> Path:
        """Folder of the secrets that are stored in files."""
        return self.state / "secrets"


def read_environment(environ: Mapping[str, str], *, default_state: Path) -> Environment:
    """Read and check the `THESELLER_…` variables.

    Args:
        environ: the variables of the process.
        default_state: the state folder if THESELLER_STATE is not set.

    Raises:
        InvalidSettingError: names the variable and what it may be.
    """
    kind = read_environment_kind(environ)
    amazon = environ.get("THESELLER_AMAZON", "emulator:http://127.0.0.1:8101")
    emulator_url = None
    if amazon.startswith("emulator:"):
        emulator_url = amazon.removeprefix("emulator:").rstrip("/")
        if kind is EnvironmentKind.PRODUCTION:
            raise InvalidSettingError(
                "THESELLER_AMAZON names the emulator; production needs THESELLER_AMAZON=amazon"
            )
    elif amazon != "amazon":
        raise InvalidSettingError(
            "THESELLER_AMAZON must be `amazon` or `emulator:http://127.0.0.1:PORT`"
        )
    public_url = environ.get("THESELLER_PUBLIC_URL", "http://127.0.0.1:8100").rstrip("/")
    if kind.guarded and urlsplit(public_url).scheme != "https":
        raise InvalidSettingError(f"THESELLER_PUBLIC_URL must be an https:// address in {kind}")
    state = Path(environ.get("THESELLER_STATE") or default_state).resolve()
    role = _choice(ProcessRole, environ.get("THESELLER_ROLE", ProcessRole.WEB), "THESELLER_ROLE")
    return Environment(
        kind=kind,
        role=role,
        state=state,
        database_url=environ.get("DATABASE_URL") or None,
        database_name=environ.get("THESELLER_DATABASE", "theseller"),
        emulator_url=emulator_url,
        public_url=public_url,
        lwa_client_id=_amazon_setting(
            environ, "THESELLER_LWA_CLIENT_ID", DEMO_CLIENT_ID, real=emulator_url is None
        ),
        application_id=_amazon_setting(
            environ, "THESELLER_APPLICATION_ID", DEMO_APPLICATION_ID, real=emulator_url is None
        ),
        application_is_draft=environ.get("THESELLER_APPLICATION_DRAFT", "no")
        in {"yes", "1", "true"},
        secret_config=read_secret_config(environ, kind=kind, state=state),
        backups=read_backups(environ, state=state),
        rotation_days=_rotation_days(
            environ.get("THESELLER_ROTATION_DAYS") or str(SECRET_DAYS_MAX)
        ),
        database_administrators=_administrators(
            environ.get("THESELLER_DATABASE_ADMINISTRATORS", "")
        ),
        volumes_encrypted_by=_declaration(environ.get("THESELLER_VOLUMES_ENCRYPTED_BY", "")),
        restricted_roles=read_restricted_roles(environ),
        trusted_proxies=read_trusted_proxies(
            environ, required=kind.guarded and role is ProcessRole.WEB
        ),
        hsts=_choice(Hsts, environ.get("THESELLER_HSTS") or Hsts.PRELOAD, "THESELLER_HSTS"),
        application_roles=_application_roles(environ.get("THESELLER_APPLICATION_ROLES", "")),
        traffic_reports_per_day=_traffic_reports(
            environ.get("THESELLER_TRAFFIC_REPORTS_PER_DAY") or str(TRAFFIC_REPORTS_PER_DAY)
        ),
    )


def read_trusted_proxies(environ: Mapping[str, str], *, required: bool) -> TrustedProxies:
    """Return the proxies whose forwarded headers are accepted.

    Args:
        environ: the variables of the process.
        required: whether the setting must be there. Without it all callers behind a proxy share one
            address, and with it one rate limit.

    Raises:
        InvalidSettingError: it is missing, or is no list of addresses and networks.
    """
    text = environ.get("THESELLER_TRUSTED_PROXIES", "")
    if not text.strip() and not required:
        return NO_PROXIES
    try:
        return parse_proxies(text)
    except ValueError as error:
        raise InvalidSettingError(
            f"THESELLER_TRUSTED_PROXIES can't be used: {error}. List the addresses and networks of"
            " your own reverse proxies, with commas between, such as `10.0.0.5, 2001:db8:1::/64`;"
            " `unix` for a proxy on a Unix socket; or `none` if clients connect directly"
        ) from None


def _amazon_setting(environ: Mapping[str, str], name: str, demo: str, *, real: bool) -> str:
    """Return an ID that Amazon gave to the operator's application.

    The demo's own is accepted with the emulator only.
    """
    given = environ.get(name) or demo
    if real and given == demo:
        raise InvalidSettingError(
            f"{name} must be the one that Developer Central shows for your application: Amazon does"
            " not know the demo's"
        )
    return given


def read_backups(environ: Mapping[str, str], *, state: Path) -> str:
    """Return where backups are stored: a folder, a bucket, or "" for none.

    Raises:
        InvalidSettingError: it is neither, or the database is not the embedded one.
    """
    external = bool(environ.get("DATABASE_URL"))
    wanted = environ.get("THESELLER_BACKUPS") or ("none" if external else str(state / "backups"))
    if wanted == "none":
        return ""
    if external:
        raise InvalidSettingError(
            "THESELLER_BACKUPS is for the embedded database: with DATABASE_URL, its service keeps"
            " the backups"
        )
    if not wanted.startswith(("/", "s3://")):
        raise InvalidSettingError(
            "THESELLER_BACKUPS must be an absolute folder, s3://BUCKET/PREFIX?region=REGION, or"
            " none"
        )
    return wanted


def uses_external_server(environ: Mapping[str, str]) -> bool:
    """Return whether DATABASE_URL names a server that is not embedded.

    The embedded server during a restore counts as embedded.
    """
    url = environ.get("DATABASE_URL") or ""
    return bool(url) and not _in_quarantine(url)


def _in_quarantine(database_url: str) -> bool:
    return urlsplit(database_url).path.startswith(f"/{QUARANTINE}")


def read_environment_kind(environ: Mapping[str, str]) -> EnvironmentKind:
    """Return what this deployment is for. Raises InvalidSettingError."""
    return _choice(
        EnvironmentKind, environ.get("THESELLER_ENV", EnvironmentKind.DEMO), "THESELLER_ENV"
    )


def read_secret_config(
    environ: Mapping[str, str], *, kind: EnvironmentKind, state: Path
) -> SecretConfig:
    """Return where secrets and data keys are stored.

    Raises:
        InvalidSettingError: names the variable and what it may be.
    """
    elsewhere = [name for name in (PROVIDER, KEY_STORE) if environ.get(name, "files") != "files"]
    if kind is EnvironmentKind.DEMO and elsewhere:
        raise InvalidSettingError(
            f"the demo keeps its secrets in files: unset {elsewhere[0]}, or say by THESELLER_ENV"
            " what this is"
        )
    try:
        return parse_secret_config(
            environ, environment=kind.value, state=state, guarded=kind.guarded
        )
    except InvalidSecretConfigError as error:
        raise InvalidSettingError(str(error)) from None


def _rotation_days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= days <= SECRET_DAYS_MAX:
        raise InvalidSettingError(
            f"THESELLER_ROTATION_DAYS must be 1 to {SECRET_DAYS_MAX}: this is the maximum age of a"
            " secret"
        )
    return days


def _traffic_reports(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= TRAFFIC_REPORTS_MAX:
        raise InvalidSettingError(
            f"THESELLER_TRAFFIC_REPORTS_PER_DAY must be 1 to {TRAFFIC_REPORTS_MAX}: so many sales"
            " and traffic reports are requested of Amazon in a day for each connection"
        )
    return number


def _administrators(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(name.startswith("theseller_") for name in names):
        raise InvalidSettingError(
            "THESELLER_DATABASE_ADMINISTRATORS names the roles by which others administer the"
            " database server, with commas between; a role of TheSeller's is none of them"
        )
    return names


def read_restricted_roles(environ: Mapping[str, str]) -> tuple[RestrictedRole, ...]:
    """Return the restricted roles that the application has, by its settings.

    Raises:
        InvalidSettingError: a name is no restricted role that a feature can use.
    """
    names = [
        name.strip()
        for name in environ.get("THESELLER_RESTRICTED_ROLES", "").split(",")
        if name.strip()
    ]
    try:
        return tuple(RestrictedRole(name) for name in names)
    except ValueError:
        raise InvalidSettingError(
            "THESELLER_RESTRICTED_ROLES names, with commas between, the restricted roles that"
            " Amazon has granted to this application and that a feature can use:"
            f" {', '.join(RestrictedRole)}. Leave it empty if it has none"
        ) from None


def _application_roles(text: str) -> tuple[Role, ...]:
    """Return the unrestricted roles registered for the application.

    Those that the features need, unless the setting lists others.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        return roles_for(OFFERED)
    try:
        return tuple(role for role in Role if role in {Role(name) for name in names})
    except ValueError:
        raise InvalidSettingError(
            "THESELLER_APPLICATION_ROLES names, with commas between, the roles without restriction"
            f" that Amazon has registered for this application: {', '.join(Role)}. Leave it empty"
            " if they are just those that the features need"
        ) from None


def _declaration(text: str) -> str:
    if len(text) > 120 or not text.isprintable():
        raise InvalidSettingError(
            "THESELLER_VOLUMES_ENCRYPTED_BY says in at most 120 printable characters, for everybody"
            " to read, what encrypts the volumes below this machine"
        )
    return text.strip()


def _choice(kind: type[Choice], value: str, name: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InvalidSettingError(f"{name} must be one of {', '.join(kind)}") from None
