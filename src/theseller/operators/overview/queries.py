"""Read secrets and operators for the operator overview page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from theseller.accounts.mfa.queries import own_factors, recovery_codes
from theseller.accounts.queries import operators
from theseller.crypto.errors import KeyStoreError, SecretProviderError
from theseller.crypto.key_file_format import KeyRecord
from theseller.edge.database_routing import operators_database
from theseller.key_rotation.secret_inventory import inventory
from theseller.key_rotation.types import SecretEntry, SecretState
from theseller.lib.translation_marks import MarkedText, gettext_noop, marked
from theseller.operators.overview.types import OperatorLine, SecretLine

#: The worst first.
_ORDER = (
    SecretState.OVERDUE,
    SecretState.UNKNOWN,
    SecretState.DUE,
    SecretState.FRESH,
    SecretState.EXEMPT,
)


def secret_lines(*, at: datetime) -> tuple[tuple[SecretLine, ...], str]:
    """Return (inventory, the worst first; why it can't be shown, else "").

    The web's role sees no shop's rows, so connections are found by the key store's own records.
    """
    try:
        connection_keys = {
            UUID(one.owner.removeprefix("connection:")): one.id
            for one in settings.KEY_STORE.list()
            if _of_connection(one)
        }
        entries = inventory(at=at, using=operators_database(), connection_keys=connection_keys)
    except (SecretProviderError, KeyStoreError) as error:
        return (), marked(gettext_noop("The secrets can't be listed now: %(reason)s"), reason=error)
    alike: dict[tuple[str, SecretState], list[SecretEntry]] = {}
    for one in entries:
        # Keys that are named by an id alone say nothing by their names: those in the same state are
        # one line.
        stem, _, _identifier = one.name.partition(":")
        name = (
            f"{stem}:…"
            if stem in {"backup-key", "connection-key", "data-key", "probe-key"}
            else one.name
        )
        alike.setdefault((name, one.state), []).append(one)
    lines = [_line(name, found, at) for (name, _), found in alike.items()]
    return tuple(
        sorted(lines, key=lambda line: (_ORDER.index(line.state), line.kind, line.name))
    ), ""


def operator_lines() -> tuple[OperatorLine, ...]:
    """Return the operators of this deployment with their second factors."""
    return tuple(
        OperatorLine(
            one.person,
            one.name,
            one.email,
            one.since,
            one.granted_by,
            own_factors(one.person),
            _left(one.person),
        )
        for one in operators()
    )


def _left(person: UUID) -> int | None:
    connection_keys = recovery_codes(person)
    return None if connection_keys is None else connection_keys.left


def _of_connection(record: KeyRecord) -> bool:
    return record.owner.startswith("connection:") and not record.destroyed


def _without_a_name(how: MarkedText) -> MarkedText:
    text = marked(gettext_noop("NAME (names: theseller rotate --list)"))
    return how.with_values(name=text)


def _line(name: str, entries: list[SecretEntry], at: datetime) -> SecretLine:
    one = entries[0]
    oldest = min((entry.made_at for entry in entries if entry.made_at), default=None)
    return SecretLine(
        name=name if len(entries) > 1 else one.name,
        kind=one.kind.value,
        count=len(entries),
        made_at=oldest,
        due_at=min((entry.due_at for entry in entries if entry.due_at), default=None),
        state=one.state,
        how=_without_a_name(one.how) if len(entries) > 1 else one.how,
        under_way=next((entry.under_way for entry in entries if entry.under_way), ""),
        age=at - oldest if oldest else None,
    )
