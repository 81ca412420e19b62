"""What the operator's overview shows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from theseller.accounts.mfa.queries import own_factors, recovery_codes
from theseller.accounts.queries import operators
from theseller.crypto.errors import KeyStoreError, SecretProviderError
from theseller.crypto.keyfile import KeyRecord
from theseller.governance.operators.types import OperatorLine, SecretLine
from theseller.governance.rotation.inventory import inventory
from theseller.governance.rotation.types import Entry, Kind, State

#: The worst first.
_ORDER = (State.OVERDUE, State.UNKNOWN, State.DUE, State.FRESH, State.EXEMPT)


def secret_lines(*, at: datetime) -> tuple[tuple[SecretLine, ...], str]:
    """Return the inventory with the worst first, and why it can't be shown, "" if it can.

    The web's role sees no shop's rows, so connections are found by the key store's own records; their keys are one line.
    """
    try:
        held = {UUID(one.owner.removeprefix("connection:")): one.id for one in settings.KEY_STORE.list() if _of_connection(one)}
        entries = inventory(at=at, using="default", held=held)
    except (SecretProviderError, KeyStoreError) as error:
        return (), f"The secrets can't be listed now: {error}"
    keys = [one for one in entries if one.kind is Kind.CONNECTION_KEY]
    lines = [_line(one, at) for one in entries if one.kind is not Kind.CONNECTION_KEY]
    if keys:
        lines.append(_joined(keys, at))
    return tuple(sorted(lines, key=lambda line: (_ORDER.index(line.state), line.kind, line.name))), ""


def operator_lines() -> tuple[OperatorLine, ...]:
    """Return everybody who operates this deployment, with their second factors."""
    return tuple(
        OperatorLine(one.person, one.name, one.email, one.since, one.granted_by, own_factors(one.person), _left(one.person))
        for one in operators()
    )


def _left(person: UUID) -> int | None:
    held = recovery_codes(person)
    return None if held is None else held.left


def _of_connection(record: KeyRecord) -> bool:
    return record.owner.startswith("connection:") and not record.destroyed


def _line(one: Entry, at: datetime) -> SecretLine:
    age = at - one.made_at if one.made_at else None
    return SecretLine(one.name, one.kind.value, 1, one.made_at, one.due_at, one.state, one.how, one.under_way, age)


def _joined(keys: list[Entry], at: datetime) -> SecretLine:
    worst = min(keys, key=lambda one: _ORDER.index(one.state))
    oldest = min((one.made_at for one in keys if one.made_at), default=None)
    first_due = min((one.due_at for one in keys if one.due_at), default=None)
    age = at - oldest if oldest else None
    return SecretLine(
        "connection-key:…", worst.kind.value, len(keys), oldest, first_due, worst.state, "by the machine: theseller rotate --due",
        next((one.under_way for one in keys if one.under_way), ""), age,
    )  # fmt: skip
