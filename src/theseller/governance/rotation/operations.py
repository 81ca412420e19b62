"""Replace secrets: begin or go on with a replacement, run its steps, record each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import connections, transaction

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.crypto.cached_value import NEXT_SUFFIX
from theseller.governance.rotation import ages, keys, purposes, texts
from theseller.governance.rotation.inventory import inventory, readable
from theseller.governance.rotation.queries import open_runs
from theseller.governance.rotation.secrets import is_coming, keeper, writable
from theseller.governance.rotation.types import (
    ByHandError,
    Entry,
    Hands,
    Kind,
    NewSecretRefusedError,
    NotReplacedError,
    Reason,
    Rotated,
    RotationBusyError,
    RotationError,
    Run,
    State,
    Step,
    UnknownSecretError,
)
from theseller.lib.ids import new_id
from theseller.lib.safe_tracebacks import describe
from theseller.lib.secret import Secret

_STEPS: dict[Kind, Callable[[Run], tuple[Step, ...]]] = {
    Kind.ROOT_KEY: keys.root_key_steps,
    Kind.PURPOSE_KEY: purposes.purpose_key_steps,
    Kind.CONNECTION_KEY: keys.connection_key_steps,
    Kind.CERTIFICATE_KEY: keys.certificate_key_steps,
    Kind.AUDIT_KEY: keys.audit_key_steps,
    Kind.SECOND_FACTOR_KEY: keys.second_factor_key_steps,
    Kind.SESSION_KEY: texts.session_key_steps,
    Kind.TICKET_KEY: texts.ticket_key_steps,
    Kind.DATABASE_PASSWORD: texts.database_password_steps,
    Kind.CLIENT_SECRET: texts.client_secret_steps,
}
CLIENT_SECRET = "lwa-client-secret"  # noqa: S105  # a name
#: An arbitrary number that no other advisory lock of ours can have: those are halves of random ids.
_LOCK = 7_105_001


def rotate(names: Sequence[str], *, reason: Reason, actor: str, hands: Hands) -> tuple[Rotated, ...]:
    """Replace the named secrets one after the other, going on with what was interrupted; return how far each is.

    Raises:
        UnknownSecretError, ByHandError: a name can't be replaced; then none is.
        RotationBusyError: another process is at it.
        NewSecretRefusedError: Amazon does not accept the new client secret.
        NotReplacedError: some of several could not be replaced; the others were.
    """
    with _alone():
        return _rotate_each(plan(names, at=hands.now()), reason, actor, hands)


def rotate_due(*, actor: str, hands: Hands) -> tuple[Rotated, ...]:
    """Replace what is old enough and the machine's to replace, and go on with every replacement under way.

    Raises NotReplacedError, after all have been tried; RotationBusyError.
    """
    with _alone():
        return _rotate_each(due(at=hands.now()), Reason.DUE, actor, hands)


def force_rotation(names: Sequence[str], *, reason: Reason, actor: str, hands: Hands) -> tuple[Rotated, ...]:
    """Replace secrets now because of a leak or because somebody who knew them leaves. For whoever records such an event.

    Raises what `rotate` raises; ValueError for another reason.
    """
    if reason not in {Reason.LEAKED, Reason.LEAVER}:
        raise ValueError("a rotation is forced by a leak or by somebody's leaving")
    with transaction.atomic():
        record(
            Tag.ROTATION_FORCED,
            actor=actor,
            tenant=None,
            subject="secrets",
            at=hands.now(),
            details={"reason": reason.value, "secrets": len(names)},
        )
    return rotate(names, reason=reason, actor=actor, hands=hands)


def give_client_secret(secret: Secret) -> None:
    """Lay out the client secret that a person fetched from Amazon; `rotate` tries it and puts it in place."""
    keeper().put(CLIENT_SECRET + NEXT_SUFFIX, secret)


def note_age(name: str, made_at: datetime, *, actor: str, at: datetime) -> None:
    """Note when a secret that somebody else made was made. Raises UnknownSecretError; RotationError for a time to come."""
    if made_at > at:
        raise RotationError("a secret can't have been made in the future: give the day it was made")
    if name not in {one.name for one in inventory(at=at)}:
        raise UnknownSecretError(f"there is no secret {name!r}: theseller rotate --list shows them")
    ages.note(name, readable(name), made_at=made_at, actor=actor, at=at)


def plan(names: Sequence[str], *, at: datetime) -> list[Entry]:
    """Return the entries of `names`. Raises UnknownSecretError, ByHandError: before anything is begun."""
    known = {one.name: one for one in inventory(at=at)}
    for name in names:
        if name not in known:
            raise UnknownSecretError(f"there is no secret {name!r}: theseller rotate --list shows them")
        entry = known[name]
        if not (entry.by_machine or _is_laid_out(entry) or _is_finished_by_machine(entry)):
            raise ByHandError(f"{name} is replaced {entry.how}")
    return [known[name] for name in dict.fromkeys(names)]


def due(*, at: datetime) -> list[Entry]:
    """Return what the machine would replace now: what is due or too old, and what is under way."""
    return [one for one in inventory(at=at) if one.under_way or (one.by_machine and one.state in {State.DUE, State.OVERDUE, State.UNKNOWN})]


def steps_of(entry: Entry, reason: Reason, hands: Hands) -> tuple[Step, ...]:
    """Return what replacing `entry` would do; nothing is done."""
    return _STEPS[entry.kind](Run(new_id(), entry.name, reason, "process:dry-run", "", hands.now(), hands))


def _is_laid_out(entry: Entry) -> bool:
    return entry.kind is Kind.CLIENT_SECRET and (bool(entry.under_way) or is_coming(entry.name))


def _is_finished_by_machine(entry: Entry) -> bool:
    """Say whether a person replaces the secret itself and the machine retires the old one."""
    return not writable() and entry.kind in {Kind.ROOT_KEY, Kind.TICKET_KEY}


def _rotate_each(entries: Sequence[Entry], reason: Reason, actor: str, hands: Hands) -> tuple[Rotated, ...]:
    """Replace all of `entries`; raise what failed after all have been tried, since one failure must not make the others late."""
    rotated: list[Rotated] = []
    failures: dict[str, Exception] = {}
    for entry in entries:
        try:
            rotated.append(_rotate_one(entry, reason, actor, hands))
        except Exception as error:
            if len(entries) == 1 and isinstance(error, RotationError):
                raise
            failures[entry.name] = error
    if failures:
        told = "; ".join(f"{name}: {describe(error)}" for name, error in failures.items())
        group = ExceptionGroup("could not be replaced", list(failures.values()))
        raise NotReplacedError(f"{len(failures)} of {len(entries)} secret(s) could not be replaced: {told}") from group
    return tuple(rotated)


def _rotate_one(entry: Entry, reason: Reason, actor: str, hands: Hands) -> Rotated:
    run = open_runs(hands).get(entry.name)
    if run is not None and (_leaked_meanwhile(run, reason) or _given_meanwhile(run)):
        # Finish the one under way without waiting for anybody, then begin afresh with a secret that is newer.
        rotated = _advance(replace(run, hurried=True), entry.kind)
        if not rotated.finished:
            return rotated
        run = None
    return _advance(run or _begin(entry.name, reason, actor, hands), entry.kind)


def _leaked_meanwhile(run: Run, reason: Reason) -> bool:
    """Say whether the new secret of a replacement under way may have leaked as well."""
    return reason is Reason.LEAKED and run.reason is not Reason.LEAKED


def _given_meanwhile(run: Run) -> bool:
    """Say whether a person gave a still newer client secret while the last one's grace runs."""
    return run.step == "drop-next" and run.secret == CLIENT_SECRET and is_coming(run.secret)


def _begin(name: str, reason: Reason, actor: str, hands: Hands) -> Run:
    at = hands.now()
    run = Run(new_id(), name, reason, actor, "", at, hands)
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(
            "insert into governance_rotation (id, secret, reason, actor, started_at, moved_at) values (%s, %s, %s, %s, %s, %s)",
            [run.id, name, reason.value, actor, at, at],
        )
        record(Tag.ROTATION_BEGUN, actor=actor, tenant=None, subject=f"secret:{name}", at=at, details={"reason": reason.value})
    return run


def _advance(run: Run, kind: Kind) -> Rotated:
    # The row's own reason chooses the steps, so that an interrupted one is gone on with as it was begun.
    steps = _STEPS[kind](replace(run, hurried=False))
    done = [step.name for step in steps].index(run.step) + 1 if run.step else 0
    for step in steps[done:]:
        run.hands.say(run.secret, step.name, "begin")
        try:
            waits_for = step.run(run)
        except NewSecretRefusedError:
            run.details["refused"] = 1
            _finish(run)
            raise
        if waits_for:
            _record(run)
            run.hands.say(run.secret, step.name, f"later: {waits_for}")
            return Rotated(run.secret, finished=False, step=run.step, waits_for=waits_for)
        run.hands.say(run.secret, step.name, "done")
        run.step = step.name
        _record(run)
        run.hands.say(run.secret, step.name, "recorded")
    _finish(run)
    return Rotated(run.secret, finished=True, step=run.step)


def _record(run: Run) -> None:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(
            "update governance_rotation set step = %s, moved_at = %s, details = %s where id = %s",
            [run.step, run.at, json.dumps(run.details), run.id],
        )


def _finish(run: Run) -> None:
    at = run.at
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(
            "update governance_rotation set finished_at = %s, moved_at = %s, details = %s where id = %s",
            [at, at, json.dumps(run.details), run.id],
        )
        record(Tag.ROTATION_FINISHED, actor=run.actor, tenant=None, subject=f"secret:{run.secret}", at=at, details=dict(run.details))


@contextmanager
def _alone() -> Iterator[None]:
    """Keep every other process from replacing secrets; a killed one's lock is free with its connection."""
    with connections["default"].cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise RotationBusyError("another process replaces secrets just now: wait for it, or look at theseller rotate --list")
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])
