"""Section 3: who may do what in the database, and the border between environments."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.crypto import file_key_store
from theseller.crypto.key_types import DataKey
from theseller.crypto.root_keys import parse_root_keys
from theseller.lib.secret_type import Secret

for _does, _broken, _repaired in (
    ("grants the web one right more",
     "grant update on tenancy_tenant to theseller_web",
     "revoke update on tenancy_tenant from theseller_web"),
    ("grants the worker one column more",
     "grant select (password) on accounts_user to theseller_worker",
     "revoke select (password) on accounts_user from theseller_worker"),
    ("takes a right away",
     "revoke select on ingest_drift from theseller_web",
     "grant select on ingest_drift to theseller_web"),
    ("lets everybody call a function of the guard",
     "grant execute on function guard.protect(regclass, text) to public",
     "revoke execute on function guard.protect(regclass, text) from public"),
    ("lets the worker read the server's files",
     "grant execute on function pg_read_file(text) to theseller_worker",
     "revoke execute on function pg_read_file(text) from theseller_worker"),
    ("lets a role read every table that will be made",
     ("alter default privileges for role theseller_owner in schema public grant select on tables to"
     " theseller_probe"),
     ("alter default privileges for role theseller_owner in schema public revoke select on tables"
     " from theseller_probe")),
    ("makes another role that may sign in", "create role sabotage login", "drop role sabotage"),
    ("makes another superuser", "create role sabotage superuser", "drop role sabotage"),
    ("lets a role of ours make databases", "alter role theseller_backup createdb",
        "alter role theseller_backup nocreatedb"),
    ("lets the worker become the role that erases",
     "grant theseller_retention to theseller_worker",
     "revoke theseller_retention from theseller_worker"),
    ("lets a role's statements run without end",
     "alter role theseller_retention set statement_timeout = 0",
     "alter role theseller_retention set statement_timeout = '30min'"),
    ("lets the web write sessions",
     "grant insert on django_session to theseller_web",
     "revoke insert on django_session from theseller_web"),
    ("lets the web call what only operators may",
     "grant execute on function guard.access_to_review(int) to theseller_web",
     "revoke execute on function guard.access_to_review(int) from theseller_web"),
    ("lets the web write a line of the operators' in the log",
     "insert into guard.audit_writer values ('theseller_web', 'governance:access:reviewed')",
     ("delete from guard.audit_writer where role = 'theseller_web' and tag ="
     " 'governance:access:reviewed'")),
    ("gives a table to a role that signs in",
     "alter table ingest_drift owner to theseller_migrate",
     "alter table ingest_drift owner to theseller_owner"),
):  # fmt: skip
    sql("cred-least-privilege", _does, _broken, _repaired)


@breaks("cred-least-privilege", "lets a root key of one environment serve another")
def _any_environment(tools: Tools) -> Iterator[None]:
    def careless(text: Secret, _environment: str) -> tuple[DataKey, ...]:
        return parse_root_keys(text, settings.ENVIRONMENT.kind.value)

    tools.patch.setattr(file_key_store, "parse_root_keys", careless)
    yield
