"""Register database functions, extensions, jobs, logs and keys.

Also process state. Each entry has its class, owning package, retention and how it is deleted. A
control compares the running deployment with them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from theseller.datamap.grant_statements import cross_tenant_functions
from theseller.datamap.types import DataClass

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One kind of stored data outside the tables.

    `kind` is what it is, `name` what the running deployment calls it.
    """

    kind: str
    name: str
    data_class: DataClass
    owner: str
    retention: str
    eraser: str


#: Sequences that no column owns, and those that one does: numbers without meaning.
SEQUENCES = frozenset({
    "guard.audit_position", "public.auth_group_id_seq", "public.auth_group_permissions_id_seq",
    "public.auth_permission_id_seq", "public.controls_evidence_position_seq",
    "public.django_content_type_id_seq", "public.django_migrations_id_seq",
    "public.procrastinate_events_id_seq", "public.procrastinate_jobs_id_seq",
    "public.procrastinate_periodic_defers_id_seq",
    "public.procrastinate_workers_id_seq",
})  # fmt: skip
#: Functions of the schema `guard` that no table descriptor has. None holds a row, but a new one
#: could show some: rights.txt says who may call which.
_GUARD_FUNCTIONS = frozenset(
    {
        "check_erasure",
        "check_host",
        "check_review",
        "clear_samples",
        "create_stage",
        "ensure_months",
        "fingerprint",
        "hold_writers",
        "keep_no_statistics",
        "mark_settled_days",
        "note_confirmed_seller",
        "number_checkpoint",
        "number_event",
        "protect",
        "refuse_change",
        "session_start",
        "split_by_tenant",
        "ticket_key_hashes",
        "ticket_tenant",
    }
)
#: The queue's own functions carry its name and a version.
QUEUE_ROUTINE = re.compile(r"procrastinate_[a-z_]+_v[0-9]+")
#: PostgreSQL's own language. An extension may store data: pg_stat_statements stores the texts of
#: statements.
EXTENSIONS = frozenset({"plpgsql"})
#: Kinds of jobs, each with the names of its arguments. A job stays in the queue until it is done;
#: old ones are deleted by age.
JOBS: dict[str, frozenset[str]] = {
    "analytics.roll_up": frozenset({"timestamp"}),
    "analytics.verify": frozenset({"timestamp"}),
    "builtin:procrastinate.builtin_tasks.remove_old_jobs": frozenset(
        {"max_hours", "queue", "remove_failed", "remove_cancelled", "remove_aborted"}
    ),
    "config.reap": frozenset({"timestamp"}),
    "ingest.pull": frozenset({"tenant", "connection", "name", "marketplace_id"}),
    "ingest.tick": frozenset({"timestamp"}),
    "accounts.delete_expired_links": frozenset({"timestamp"}),
    "mail.delete_old_mail": frozenset({"timestamp"}),
    "mail.deliver": frozenset({"timestamp"}),
    "accounts.delete_expired_sessions": frozenset({"timestamp"}),
    "audit.seal_audit_log": frozenset({"timestamp"}),
    "controls.delete_old_prober_reports": frozenset({"timestamp"}),
    "controls.run_all_controls": frozenset(),
    "controls.run_due_controls": frozenset({"timestamp"}),
    "edge.delete_idle_buckets": frozenset({"timestamp"}),
    "operators.close_expired_sessions": frozenset({"timestamp"}),
    "privacy.disconnect_expired": frozenset({"timestamp"}),
    "key_rotation.rotate_due_secrets": frozenset({"timestamp"}),
    "retention.delete_expired_facts": frozenset({"timestamp"}),
    "erasure.erase_due_tenants_and_users": frozenset({"timestamp"}),
    "backups.maintain_backups": frozenset({"timestamp"}),
    "erasure.erase_due_connections": frozenset({"timestamp"}),
    "buyer_pii.fetch_recipients": frozenset({"tenant", "connection"}),
    "buyer_pii.enqueue_pending_fetches": frozenset({"timestamp"}),
    "buyer_pii.expire_recipients": frozenset({"timestamp"}),
}
JOBS["procrastinate.builtin_tasks.remove_old_jobs"] = JOBS[
    "builtin:procrastinate.builtin_tasks.remove_old_jobs"
]
#: What an argument of a job may be: an id, a name, a number. Never a payload.
JOB_ARGUMENT = r"^[A-Za-z0-9:_.-]{0,64}$"


def guard_functions() -> frozenset[str]:
    """Return the names of all registered functions of the schema `guard`."""
    return _GUARD_FUNCTIONS | cross_tenant_functions()


_PROCESS = ("with the process", "the process; no image of it reaches a disk")
PROCESS_STATE: tuple[ProcessState, ...] = (
    ProcessState(
        "cache",
        "default:django.core.cache.backends.locmem.LocMemCache",
        DataClass.NONE,
        "config",
        "with the process",
        "nothing uses it",
    ),
    # State of a process between two jobs or requests.
    ProcessState(
        "memory",
        "theseller.accounts.oidc.provider_client:_known",
        DataClass.NONE,
        "accounts",
        "an hour",
        "the process; public keys and addresses of the identity provider",
    ),
    ProcessState(
        "memory",
        "theseller.amazon.charge_type_by_label:_kind_of",
        DataClass.SELLER_FACTS,
        "amazon",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.analytics.rollups.rollup_sql_execution:sql_text",
        DataClass.NONE,
        "analytics",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.connections.http_and_lwa_clients:_http",
        DataClass.OPERATIONAL,
        "connections",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.connections.http_and_lwa_clients:lwa_client",
        DataClass.OPERATIONAL,
        "connections",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.connections.access_tokens:_cache",
        DataClass.CREDENTIALS,
        "connections",
        "an access token's hour",
        "the process; the end of the connection in any process makes it useless at once",
    ),
    ProcessState(
        "memory",
        "theseller.connections.access_tokens:_refresh_locks",
        DataClass.OPERATIONAL,
        "connections",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.lib.deletion_time:_trusted",
        DataClass.OPERATIONAL,
        "lib",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.controls.operations:_last_runs",
        DataClass.EVIDENCE,
        "controls",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.lib.code_version:code_version",
        DataClass.NONE,
        "controls",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.controls.probe_tools.module_imports:module_imports",
        DataClass.NONE,
        "controls",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.releases.compiled_files:_compared",
        DataClass.NONE,
        "releases",
        *_PROCESS,
    ),
    ProcessState(
        "memory",
        "theseller.crypto.secret_and_key_config:_aws_client",
        DataClass.OPERATIONAL,
        "crypto",
        *_PROCESS,
    ),
    ProcessState(
        "memory", "theseller.edge.static_files:_compressed", DataClass.NONE, "edge", *_PROCESS
    ),
    ProcessState(
        "memory", "theseller.edge.static_files:_registered", DataClass.NONE, "edge", *_PROCESS
    ),
    ProcessState(
        "memory", "theseller.edge.static_files:static_version", DataClass.NONE, "edge", *_PROCESS
    ),
    # Every log line passes the redactor; a handler without it is not registered.
    ProcessState(
        "log",
        "redacted",
        DataClass.OPERATIONAL,
        "lib",
        "as the deployment rotates it",
        "rotation; nothing of a payload is in it",
    ),
)


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Keys of one kind of owner.

    `pattern` is a regular expression of the owner's name in the key store, `purposes` what the keys
    may be for. An export of the state folder has only those of `exported` owners; of the others it
    has tombstones.
    """

    pattern: str
    purposes: frozenset[str]
    owner: str
    retention: str
    eraser: str
    exported: bool = True

    def covers(self, owner: str, purpose: str | None) -> bool:
        """Say whether a key of this owner and purpose is one of these."""
        return re.fullmatch(self.pattern, owner) is not None and purpose in self.purposes


_ALL = frozenset(
    {
        "refresh_token",
        "client_secret",
        "pii",
        "backup",
        "signing",
        "tenant_context",
        "session",
        "mfa",
        "audit",
    }
)
#: Whose keys the key store holds. What a key sealed is unreadable once the key is destroyed.
KEYS: tuple[KeyOwner, ...] = (
    KeyOwner(
        f"connection:{_UUID}",
        frozenset({"refresh_token", "pii"}),
        "connections",
        "life-token-now",
        "the disconnection",
    ),
    KeyOwner(
        f"connection-pii:{_UUID}",
        frozenset({"pii"}),
        "buyer_pii",
        "61 days",
        "turning the feature off, or the disconnection",
    ),
    KeyOwner(
        r"pii-day:\d{4}-\d{2}-\d{2}",
        frozenset({"pii"}),
        "buyer_pii",
        "pii-30-days",
        "the day",
        exported=False,
    ),
    KeyOwner(
        f"backup:{_UUID}",
        frozenset({"backup"}),
        "backups",
        "28 days, 90 at most",
        "the end of the backup",
    ),
    KeyOwner(
        "erasure-journal:.+",
        frozenset({"audit"}),
        "erasure",
        "with the deployment",
        "at once: its tombstone is an entry of the journal",
    ),
    KeyOwner(
        r"mail-day:\d{4}-\d{2}-\d{2}",
        frozenset({"session"}),
        "mail",
        "three days",
        "the job mail.delete_old_mail",
        exported=False,
    ),
    KeyOwner("certificates", frozenset({"signing"}), "erasure", "cred-rotation", "its replacement"),
    KeyOwner("audit log", frozenset({"audit"}), "audit", "cred-rotation", "its replacement"),
    KeyOwner("second-factors", frozenset({"mfa"}), "accounts", "cred-rotation", "its replacement"),
    KeyOwner("probe", _ALL, "controls", "a month", "the controls"),
)


def is_exported_owner(owner: str) -> bool:
    """Return whether an export of the state folder has the keys of this owner."""
    return all(known.exported or not re.fullmatch(known.pattern, owner) for known in KEYS)
