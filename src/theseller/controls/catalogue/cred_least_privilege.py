"""Security page §3: service identities have least privilege.

A reader of staging must not be able to decrypt production's data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import connections as databases

from theseller.controls.probe_tools.ephemeral_keys import (
    can_open,
    ephemeral_key,
    probe_encryption_context,
)
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, must_find, verdict
from theseller.crypto.errors import CryptoError, ServiceState, WrongEnvironmentError
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import seal
from theseller.crypto.secret_and_key_config import for_environment, make_key_store
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop
from theseller.postgres.privilege_comparison import (
    compare,
    expected_rights,
    prepared_by_superuser,
    read_rights,
)

CONTROL = Control(
    id="cred-least-privilege",
    section=3,
    title=gettext_noop(
        "Each process holds only the rights that its work needs, and one environment can't read"
        " another"
    ),
    statement=gettext_noop(
        "Every right in the database is in one reviewed file (rights.txt), to one role for each"
        " kind of work; the live database grants exactly that, no more and no less, and no other"
        " role may sign in. What one environment seals, no other can open: not by name, not by key."
    ),
    citation="Security page §3; Data Protection Policy 1.2",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    compares_schema=True,
    enforced_by=(
        "theseller/postgres/sql/grants.sql",
        "theseller/postgres/sql/roles.sql",
        "theseller.crypto.encryption_context:EncryptionContext",
    ),
)

_FOREIGN_ROLES = """
select rolname from pg_roles where not starts_with(rolname, 'theseller_')
  and not starts_with(rolname, 'pg_') order by length(rolname) desc
"""
_OTHER = {"production": "staging"}
#: The purpose whose key the probe uses: an attacker would want tokens.
_PURPOSE = Purpose.REFRESH_TOKEN
#: An answer that is no refusal, and no access either.
_NO_ANSWER = {ServiceState.UNREACHABLE, ServiceState.SLOW, ServiceState.BUSY, ServiceState.SEALED}


def probe(context: ProbeContext) -> Outcome:
    """Compare the database's rights with the expected ones.

    It also checks the role of each connection, and tries to open what was sealed for another
    environment.
    """
    version = context.number("select current_setting('server_version_num')::int")
    with context.read_only_cursor() as cursor:
        expected = expected_rights(
            server_version=version,
            external=settings.ENVIRONMENT.external_server,
            superuser=prepared_by_superuser(cursor),
        )
        found = read_rights(cursor, administrators=settings.ENVIRONMENT.database_administrators)
    difference = compare(found, expected)
    if found:
        must_find(
            compare([*found, "a right that was planted"], expected).extra,
            "a right that is too much",
        )
        must_find(
            compare([line for line in found if line != expected[0]], expected).missing,
            "a right that is missing",
        )
    administrators = len(settings.ENVIRONMENT.database_administrators)
    shown = _redact_foreign_names(context)
    failures = [f"Too much: {shown(line)}." for line in difference.extra]
    failures += [f"Missing: {shown(line)}." for line in difference.missing]
    failures += [*_wrong_logins(context), *_wrong_environment(context)]
    tried, crossed = _cross_environment(context)
    failures += crossed
    if tried is None and not failures:
        return Unknown(
            "The key store did not answer under another environment's name, so nothing is known of"
            " that border."
        )
    return verdict(
        len(found),
        failures,
        f"The live database grants exactly the {len(expected)} rights of the file; {tried} attempts"
        " to cross to or from another environment were refused.",
        rights=len(found),
        too_much=len(difference.extra),
        missing=len(difference.missing),
        attempts_across_environments=tried or 0,
        administrators_declared=administrators,
        declared=(
            [
                (
                    f"{administrators} further role(s) administer this database"
                    " (THESELLER_DATABASE_ADMINISTRATORS); what they may do was not compared."
                )
            ]
            if administrators
            else []
        ),
    )


def _redact_foreign_names(context: ProbeContext) -> _Redactor:
    return _Redactor([name for (name,) in context.rows(_FOREIGN_ROLES)])


class _Redactor:
    """Replaces names of roles that are not ours in a right.

    The page is public, and an administrator's role may be named after a person.
    """

    def __init__(self, others: Sequence[str]) -> None:
        names = "|".join(re.escape(name) for name in others)
        self._pattern = re.compile(rf"(?<![\w.])(?:{names})(?![\w.])") if others else None

    def __call__(self, line: str) -> str:
        return self._pattern.sub("(a role that is not ours)", line) if self._pattern else line


def _wrong_logins(context: ProbeContext) -> Iterator[str]:
    """Ask each connection of this process as whom it came and as whom it acts."""
    for alias, role in (
        (context.probe, "theseller_probe"),
        (context.application, "theseller_worker"),
    ):
        if sql_execution.one(databases[alias], "select session_user::text, current_user::text") != (
            role,
            role,
        ):
            yield f"A connection that must be {role}'s is another role's."


def _wrong_environment(context: ProbeContext) -> Iterator[str]:
    if context.rows("select environment from guard.deployment") != [
        (settings.ENVIRONMENT.kind.value,)
    ]:
        yield "The database belongs to another environment than this process."


def _cross_environment(context: ProbeContext) -> tuple[int | None, list[str]]:
    """Try to open in one environment what was sealed in another.

    Returns:
        How many ways were tried, None if the key store could not answer; and a finding for each
        that worked.
    """
    here = settings.ENVIRONMENT.kind.value
    there = _OTHER.get(here, "production")
    key = ephemeral_key(context, context.keys, _PURPOSE)
    ours, theirs = (
        probe_encryption_context(_PURPOSE, here),
        probe_encryption_context(_PURPOSE, there),
    )
    words = Secret("a probe's own words")
    sealed_here, sealed_there = seal(key, ours, words), seal(key, theirs, words)
    failures: list[str] = []
    if not can_open(context.keys, ours, sealed_here):
        failures.append("A message does not open where it was sealed.")
    if can_open(context.keys, theirs, sealed_here):
        failures.append(f"A message that was sealed here opens under the name of {there}.")
    if can_open(context.keys, ours, sealed_there):
        failures.append(f"A message that was sealed for {there} opens here.")
    refused = _store_refuses(key, there)
    if refused is False:
        failures.append(
            f"This process may look into the key store of {there}, or finds its own keys under that"
            " name."
        )
    return (None if refused is None else 3), failures


def _store_refuses(key: DataKey, environment: str) -> bool | None:
    """Return whether the key store refuses our key to another environment.

    None if it did not answer.
    """
    choice = for_environment(settings.ENVIRONMENT.secret_config, environment)
    try:
        make_key_store(choice, settings.SECRETS, os.environ).get(key.id)
    except WrongEnvironmentError:
        return True
    except CryptoError as error:
        state = getattr(error, "state", None)
        return None if state in _NO_ANSWER else state is ServiceState.DENIED
    return False
