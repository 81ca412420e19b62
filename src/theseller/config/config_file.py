"""The configuration file: settings as `NAME=value` lines.

It is read before anything else. The variable THESELLER_CONFIG names it. A variable of the
environment wins over the file. Secrets do not belong there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from theseller.config.environment import InvalidSettingError

CONFIG_FILE = "THESELLER_CONFIG"
DEFAULT_CONFIG_FILE = Path("/etc/theseller/theseller.env")
#: Owner and group may read it, the owner may write it.
FILE_MODE = 0o640
#: What the file may set: every setting of docs/operate/settings.md but those that name the file or
#: a process's role, and those that hold secrets.
FILE_SETTINGS = frozenset({
    "DATABASE_URL", "THESELLER_ALLOW_FILE_SECRETS", "THESELLER_AMAZON",
    "THESELLER_APPLICATION_DRAFT", "THESELLER_APPLICATION_ID", "THESELLER_APPLICATION_ROLES",
    "THESELLER_AWS_ENDPOINT", "THESELLER_AWS_REGION", "THESELLER_BACKUPS", "THESELLER_DATABASE",
    "THESELLER_DATABASE_ADMINISTRATORS", "THESELLER_EDGE_HTTP_PORT", "THESELLER_EDGE_PORT",
    "THESELLER_EMULATOR_PORT", "THESELLER_ENV",
    "THESELLER_HSTS", "THESELLER_KEY_STORE", "THESELLER_LEGAL_ADDRESS", "THESELLER_LEGAL_ENTITY",
    "THESELLER_LWA_CLIENT_ID", "THESELLER_MAIL_AUTHORITIES", "THESELLER_MAIL_CA_FILE",
    "THESELLER_MAIL_FROM", "THESELLER_MAIL_URL", "THESELLER_MEMORY_MB", "THESELLER_METRICS_PORT",
    "THESELLER_OIDC_ACR", "THESELLER_OIDC_AMR", "THESELLER_OIDC_CA_FILE",
    "THESELLER_OIDC_CLIENT_ID", "THESELLER_OIDC_FOR", "THESELLER_OIDC_HOSTS",
    "THESELLER_OIDC_ISSUER", "THESELLER_OIDC_NAME",
    "THESELLER_PG_BIN",
    "THESELLER_PORT", "THESELLER_PUBLIC_URL", "THESELLER_RELEASE", "THESELLER_RELEASE_KEY",
    "THESELLER_RESTRICTED_ROLES",
    "THESELLER_ROTATION_DAYS", "THESELLER_SECRETS_TIMEOUT_SECONDS",
    "THESELLER_SECRET_PROVIDER", "THESELLER_SECURITY_CONTACT", "THESELLER_SECURITY_OFFICER",
    "THESELLER_SIGN_UP", "THESELLER_STATE", "THESELLER_STATE_EXPORTS",
    "THESELLER_STATE_EXPORT_DAYS", "THESELLER_STATE_EXPORT_KEY", "THESELLER_SUBPROCESSORS",
    "THESELLER_TLS_CERTIFICATE", "THESELLER_TRACES_URL",
    "THESELLER_TRAFFIC_REPORTS_PER_DAY",
    "THESELLER_TRUSTED_PROXIES", "THESELLER_VAULT_ADDRESS", "THESELLER_VAULT_APPROLE_MOUNT",
    "THESELLER_VAULT_CA_FILE", "THESELLER_VAULT_KV_MOUNT", "THESELLER_VAULT_NAMESPACE",
    "THESELLER_VAULT_ROLE_ID", "THESELLER_VAULT_TRANSIT_MOUNT", "THESELLER_VOLUMES_ENCRYPTED_BY",
    "THESELLER_WORKER_METRICS_PORT",
})  # fmt: skip
#: Besides these, files that hold secrets may be named.
_SECRET_FILE_SUFFIX = "_FILE"  # noqa: S105 - the end of a variable's name


def load_config_file(environ: MutableMapping[str, str]) -> None:
    """Add the configuration file's settings to `environ`.

    Nothing happens if THESELLER_CONFIG is not set.

    Raises:
        InvalidSettingError: the file can't be read, others may read or change it, or a line is no
            setting.
    """
    if path := environ.get(CONFIG_FILE):
        for name, value in read_config_file(Path(path)).items():
            environ.setdefault(name, value)


def read_config_file(path: Path) -> dict[str, str]:
    """Return the settings of a file. See `load_config_file`."""
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise InvalidSettingError(
            f"the configuration file {path} (THESELLER_CONFIG) can't be read: {reason}"
        ) from None
    mode = stat.S_IMODE(status.st_mode)
    if not is_trusted_owner(status.st_uid):
        raise InvalidSettingError(
            f"the configuration file {path} belongs to another account: run `chown root {path}`"
        )
    if mode & ~FILE_MODE & 0o777:
        raise InvalidSettingError(
            f"the configuration file {path} has the mode {mode:04o}: run"
            f" `chmod {FILE_MODE:04o} {path}`"
        )
    return parse_config(text, path)


def is_trusted_owner(uid: int) -> bool:
    """Return whether a file of this account may decide what this process does."""
    return uid in {0, os.geteuid()}


def parse_config(text: str, path: Path) -> dict[str, str]:
    """Return the settings of a file's text.

    Raises:
        InvalidSettingError: a line is no setting, or one that this file may not have.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not _may_set(name) or name in found:
            reason = "is set twice" if name in found else "is no setting for this file"
            what = name if equals and name.isidentifier() else "this line"
            raise InvalidSettingError(
                f"line {number} of {path}: {what} {reason} (docs/operate/settings.md lists them;"
                " secrets do not belong there)"
            )
        found[name] = value.strip()
    return found


def config_text(settings: Mapping[str, str], comments: Mapping[str, str]) -> str:
    """Return the text of a file with these settings, each below its comment."""
    lines = [
        "# Configuration of TheSeller, written by `theseller setup`. After a change: run",
        "# `theseller doctor`, then restart the services. All settings:",
        "# docs/operate/settings.md. Secrets do not belong here.",
    ]
    for name in sorted(settings, key=lambda one: (one not in comments, one)):
        lines += ["", *([f"# {comments[name]}"] if name in comments else [])]
        lines.append(f"{name}={settings[name]}")
    return "\n".join(lines) + "\n"


def _may_set(name: str) -> bool:
    return name in FILE_SETTINGS or (
        name.startswith("THESELLER_") and name.endswith(_SECRET_FILE_SUFFIX)
    )
