"""Security page §5: buyers' data is destroyed 30 days after shipment.

In the database and in every backup.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.conf import settings

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.ephemeral_keys import KeyRing, can_open, ephemeral_key
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Failed, Outcome, Unknown, verdict
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import KeyDestroyedError, KeyNotFoundError, KeyStoreError, ServiceState
from theseller.crypto.key_types import Purpose, new_data_key
from theseller.crypto.seal_value import seal
from theseller.crypto.timestamped_secrets import creation_time
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="pii-30-days",
    section=5,
    title=gettext_noop(
        "What a feature needs of buyers is destroyed 30 days after shipment, in every backup too"
    ),
    statement=gettext_noop(
        "Buyers' data that a feature needs is sealed in a store of its own, each record with its"
        " expiry date: 30 days after the shipment or the fetching, whichever was first. It is"
        " sealed under a key of that day, which is stored outside the database and its backups and"
        " is destroyed on the day: no copy, however old, can be read from then on."
    ),
    citation="Security page §5; Data Protection Policy 2.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.buyer_pii.expiry_date:expiry_date",
        "theseller.buyer_pii.recipient_expiry:expire_recipients",
        "theseller.buyer_pii.store_recipient:store_recipient",
    ),
    after=(Tag.VAULT_FETCHED, Tag.VAULT_DAY_ENDED, Tag.VAULT_OFF),
)

#: The page's promise, written again here: a probe that read the program's own limit would agree
#: with whatever it says.
_PROMISED_DAYS = 30
#: The job runs at midnight, UTC, and every ten minutes; so long a day that has come may wait for
#: it.
_JOB_LATE = timedelta(minutes=30)
_ROWS = (
    "select expires_on, fetched_at, shipped_at, day_key_id, connection_key_id, tenant_id,"
    " connection_id from pii.recipient"
)
_DAYS = "select expires_on, key_id from pii.day_key"
_ON = "select tenant_id, connection_id from vault_consent where withdrawn_at is null"
_DAY, _CONNECTION = "pii-day:", "connection-pii:"
#: Owner of the keys of the probe's own records: a day long past.
_OURS = f"{_DAY}2020-01-01"
_RENEWED_AFTER = timedelta(days=30)


def probe(context: ProbeContext) -> Outcome:
    """Check each record's day and key, and try to open an expired copy."""
    try:
        failures = [*_days(context), *_rows(context), *_expired_copy(context)]
    except KeyStoreError as error:
        if error.state is ServiceState.DAMAGED:
            return Failed("What the key store keeps is damaged, or lies in another key's place.")
        return Unknown(f"The key store did not answer ({error.state.value}), so nothing is known.")
    rows = context.number("select count(*) from pii.recipient")
    if not rows and not failures:
        return Unknown(
            "No record of a buyer is held, so none could be checked. No key of a past day lives,"
            " and the probe's own record, whose day came long ago, can't be opened."
        )
    return verdict(
        rows,
        failures,
        f"{rows} record(s) of buyers are held, none past its day, none with a day that is later"
        " than promised; no key of a past day lives, nor can the key of the probe's own record be"
        " had, whose day came long ago.",
        records=rows,
        features_on=context.number("select count(*) from vault_consent where withdrawn_at is null"),
    )


def _today(context: ProbeContext) -> date:
    """Return the day that must be over.

    Yesterday's may be present for as long as the job may be late.
    """
    return (context.at - _JOB_LATE).astimezone(UTC).date()


def _days(context: ProbeContext) -> Iterator[str]:
    living = {
        one.id: one
        for one in context.keys.list()
        if one.owner.startswith(_DAY) and not one.destroyed
    }
    for one in living.values():
        if date.fromisoformat(one.owner.removeprefix(_DAY)) <= _today(context):
            yield "A key of a past day still exists."
        if one.purpose is not Purpose.PII:
            yield "A key of a day serves another purpose than personal data."
    for day, key in context.rows(_DAYS):
        record = _record(context, key)
        if record is not None and record != f"{_DAY}{day:%Y-%m-%d}":
            yield "A day names a key that was made for something else."


def _record(context: ProbeContext, key: object) -> str | None:
    try:
        # an id, as the driver hands it over
        return context.keys.record(key).owner  # type: ignore[arg-type]
    except KeyNotFoundError:
        return None


def _rows(context: ProbeContext) -> Iterator[str]:
    on = {(tenant, connection) for tenant, connection in context.rows(_ON)}
    names: dict[object, str | None] = {}
    for expires_on, fetched_at, shipped_at, day_key, own_key, tenant, connection in context.rows(
        _ROWS
    ):
        first: datetime = min(one for one in (fetched_at, shipped_at) if one is not None)
        if expires_on <= _today(context):
            yield "A record of a buyer is past its day."
        if expires_on > (first + timedelta(days=_PROMISED_DAYS)).astimezone(UTC).date():
            yield (
                "A record of a buyer has a day that is later than 30 days after its shipment or"
                " fetching."
            )
        for key in (day_key, own_key):
            if key not in names:
                names[key] = _record(context, key)
        if names[day_key] != f"{_DAY}{expires_on:%Y-%m-%d}":
            yield "A record of a buyer is sealed under another key than its day's."
        if names[own_key] != f"{_CONNECTION}{connection}":
            yield "A record of a buyer is sealed under another key than its connection's."
        if (tenant, connection) in on:
            continue
        try:
            context.keys.get(own_key)
        except (KeyDestroyedError, KeyNotFoundError):
            continue
        yield "A record of a buyer can be read, and its feature is off."


def _expired_copy(context: ProbeContext) -> Iterator[str]:
    """Yield findings if a key of a past day is available.

    Each month it also seals a record under such a key, destroys the key, and tries to open the
    copy.
    """
    known = [one for one in context.keys.list() if one.owner == _OURS]
    made = creation_time(known[-1].id) if known else None
    if made is None or context.at - made > _RENEWED_AFTER:
        yield from _expire_one(context)
    for one in known:
        try:
            context.keys.get(one.id)
            yield "The key of a day long past is available."
        except KeyDestroyedError:
            continue
    other, place = new_data_key(Purpose.PII), _place()
    sealed = seal(other, place, b"thrown away")
    if not can_open(KeyRing(other), place, sealed) or can_open(context.keys, place, sealed):
        yield "A record opened without its key."


def _expire_one(context: ProbeContext) -> Iterator[str]:
    own, place = ephemeral_key(context, context.keys, Purpose.PII), _place()
    expired = context.keys.create(Purpose.PII, _OURS)
    copy = seal(expired, place, b"thrown away")
    before = can_open(context.keys, place, copy)
    inner = seal(own, place, copy)
    if not before and context.keys.exists(
        expired.id
    ):  # The job may have destroyed it in this moment: its day has come.
        yield "A record does not open while its day's key exists."
    context.keys.destroy(expired.id)
    if can_open(context.keys, place, copy) or not can_open(context.keys, place, inner):
        yield "A copy of a record whose day has come was opened, or one whose key exists was not."


def _place() -> EncryptionContext:
    return EncryptionContext(
        NO_TENANT, "probe", "dead", "thrown away", Purpose.PII, settings.ENVIRONMENT.kind.value
    )
