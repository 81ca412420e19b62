"""Acts after which a probe can't see: it must say so (Unknown), and never that all is well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from tests.sabotage.saboteurs import Tools, blinds

from theseller.audit import log_verification
from theseller.controls.catalogue import (
    aup_purpose,
    cred_least_privilege,
    cred_operator_mfa,
    cred_token_encryption,
    page_true,
    pii_default_none,
    pii_strip,
)
from theseller.controls.probe_tools import module_imports, table_and_file_search
from theseller.lib import egress_guard
from theseller.postgres.privilege_comparison import Difference
from theseller.postgres.server_folders import SERVER_LOG


@blinds(
    "cred-no-plaintext",
    "has the search of files find nothing",
    also=("cred-access-token-memory", "net-at-rest"),
)
def _no_match(tools: Tools) -> Iterator[None]:
    def matches(path: Path, _pattern: object) -> tuple[int, bool]:
        return path.stat().st_size, False

    tools.patch.setattr(table_and_file_search, "_matches", matches)
    yield


@blinds(
    "cred-no-plaintext",
    "writes the logs where no file can be searched",
    also=("cred-access-token-memory",),
)
def _no_log(_tools: Tools) -> Iterator[None]:
    folder, aside = (
        settings.ENVIRONMENT.state / "log",
        settings.ENVIRONMENT.state.parent / "log-elsewhere",
    )
    folder.rename(aside)
    yield
    aside.rename(folder)


@blinds(
    "cred-access-token-memory",
    "has an empty log, beside the embedded database's",
    also=("cred-no-plaintext",),
)
def _empty_log(_tools: Tools) -> Iterator[None]:
    log = settings.ENVIRONMENT.state / "log" / "worker.log"
    content = log.read_bytes()
    log.write_bytes(b"")
    of_the_database = log.with_name(SERVER_LOG)
    of_the_database.write_bytes(b"database system is ready\n")
    yield
    of_the_database.unlink()
    log.write_bytes(content)


@blinds(
    "aup-no-buyer-contact",
    "has the program's imports read as none",
    also=("aup-no-training", "net-server-side"),
)
def _no_imports(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(module_imports, "module_imports", dict)
    yield


@blinds("cred-least-privilege", "has every set of rights compare as equal")
def _no_difference(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(
        cred_least_privilege, "compare", lambda _found, _expected: Difference((), ())
    )
    yield


@blinds("cred-operator-mfa", "has every view refuse every request")
def _refused(tools: Tools) -> Iterator[None]:
    def refused(*_view: Any, **_who: Any) -> bool:  # whatever it is asked  # noqa: ANN401
        return True

    tools.patch.setattr(cred_operator_mfa, "refused", refused)
    yield


@blinds("page-true", "has every color agree with the evidence")
def _agreeing(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(page_true, "_is_proven", lambda *_: None)
    tools.patch.setattr(page_true, "_wrong_statuses", lambda *_: iter(()))
    yield


@blinds("pii-strip", "looks for personal data by a form that nothing has")
def _no_form(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(pii_strip, "_PERSONAL_VALUE", "x^")
    yield


@blinds("pii-default-none", "has every operation read as refused")
def _all_refused(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(pii_default_none, "_is_allowed", lambda _name: False)
    yield


@blinds("pii-no-sharing", "refuses every host, this machine's own too")
def _nothing_local(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(egress_guard, "is_local", lambda _host: False)
    yield


@blinds("aup-purpose", "finds no fault with any stream")
def _no_fault(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(aup_purpose, "_problems", lambda *_: iter(()))
    yield


@blinds("pii-30-days", "holds no record of a buyer")
def _no_record(tools: Tools) -> Iterator[None]:
    kept = tools.superuser.execute("select to_jsonb(r)::text from pii.recipient r").fetchall()
    tools.superuser.execute("delete from pii.recipient")
    yield
    for (row,) in kept:
        tools.superuser.execute(
            "insert into pii.recipient select * from jsonb_populate_record(null::pii.recipient,"
            " %s::jsonb)",
            [row],
        )


@blinds("cred-token-encryption", "has no sealed message open anywhere")
def _nothing_opens(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(cred_token_encryption, "_opens", lambda *_: False)
    yield


@blinds("cred-token-encryption", "has the list of who may read sealed tokens empty")
def _no_reader(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(
        cred_token_encryption, "_READERS", "select rolname from pg_roles where false"
    )
    yield


@blinds("cred-access-log", "has every line of the log compare as it was sealed")
def _all_as_sealed(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(log_verification, "_judge", lambda *_: None)
    yield


@blinds("net-tenant-isolation", "takes away the row that the control's own ticket shows")
def _no_own_row(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "delete from guard.isolation_probe where right(tenant_id::text, 1) = 'a'"
    )
    yield
    tools.superuser.execute(
        "insert into guard.isolation_probe values ('00000000-0000-7000-8000-00000000000a')"
    )


@blinds("net-tenant-isolation", "takes away the row that the control must not reach")
def _no_foreign_row(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "delete from guard.isolation_probe where right(tenant_id::text, 1) = 'b'"
    )
    yield
    tools.superuser.execute(
        "insert into guard.isolation_probe values ('00000000-0000-7000-8000-00000000000b')"
    )


@blinds("cred-token-encryption", "holds no token")
def _no_token(tools: Tools) -> Iterator[None]:
    kept = tools.superuser.execute(
        "select to_jsonb(r)::text from connections_refresh_token r"
    ).fetchall()
    tools.superuser.execute("delete from connections_refresh_token")
    yield
    for (row,) in kept:
        tools.superuser.execute(
            "insert into connections_refresh_token select * from"
            " jsonb_populate_record(null::connections_refresh_token, %s::jsonb)",
            [row],
        )
