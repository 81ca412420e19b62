"""Hashes of the settings that all hosts of a deployment must share.

Each host reports a short hash of each, so that a difference can be named without its values.
"""

from __future__ import annotations

from collections.abc import Mapping

from theseller.tenancy.host_types import setting_hash

#: Not among them: folders, ports, files and limits of one host, and addresses of its proxies.
SHARED_SETTINGS = frozenset({
    "THESELLER_AMAZON", "THESELLER_APPLICATION_DRAFT", "THESELLER_APPLICATION_ID",
    "THESELLER_APPLICATION_ROLES", "THESELLER_AWS_ENDPOINT", "THESELLER_AWS_REGION",
    "THESELLER_DATABASE_ADMINISTRATORS", "THESELLER_ENV", "THESELLER_KEY_STORE",
    "THESELLER_LEGAL_ADDRESS", "THESELLER_LEGAL_ENTITY", "THESELLER_LWA_CLIENT_ID",
    "THESELLER_MAIL_AUTHORITIES", "THESELLER_MAIL_FROM", "THESELLER_MAIL_URL",
    "THESELLER_PUBLIC_URL", "THESELLER_RESTRICTED_ROLES", "THESELLER_ROTATION_DAYS",
    "THESELLER_SECRET_PROVIDER", "THESELLER_SECURITY_CONTACT", "THESELLER_SECURITY_OFFICER",
    "THESELLER_SUBPROCESSORS", "THESELLER_TRAFFIC_REPORTS_PER_DAY", "THESELLER_VAULT_ADDRESS",
    "THESELLER_VAULT_KV_MOUNT", "THESELLER_VAULT_NAMESPACE", "THESELLER_VAULT_TRANSIT_MOUNT",
})  # fmt: skip


def setting_hashes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a short hash of each shared setting that is set, by its name.

    None of them holds a secret; the hash only keeps the row small.
    """
    return {
        name: setting_hash(environ[name])
        for name in sorted(SHARED_SETTINGS)
        if environ.get(name, "").strip()
    }
