"""Rotation of secrets: begin or resume one, run and record its steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import connections, transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.crypto.cached_secrets import NEXT_SUFFIX
from theseller.key_rotation import (
    purpose_key_rotation,
    root_and_data_key_rotation,
    secret_ages,
    signing_key_rotation,
    text_secret_rotation,
)
from theseller.key_rotation.queries import open_runs
from theseller.key_rotation.secret_inventory import inventory, readable
from theseller.key_rotation.secret_replacement_steps import is_staged, secret_provider, writable
from theseller.key_rotation.types import (
    ManualRotationError,
    NewSecretRefusedError,
    NotReplacedError,
    RotationBusyError,
    RotationContext,
    RotationError,
    RotationReason,
    RotationResult,
    Run,
    SecretEntry,
    SecretKind,
    SecretState,
    Step,
    UnknownSecretError,
)
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.safe_tracebacks import describe
from theseller.lib.secret_type import Secret

_STEPS: dict[SecretKind, Callable[[Run], tuple[Step, ...]]] = {
    SecretKind.ROOT_KEY: root_and_data_key_rotation.root_key_steps,
    SecretKind.PURPOSE_KEY: purpose_key_rotation.purpose_key_steps,
    SecretKind.CONNECTION_KEY: root_and_data_key_rotation.connection_key_steps,
    SecretKind.CERTIFICATE_KEY: signing_key_rotation.certificate_key_steps,
    SecretKind.AUDIT_KEY: signing_key_rotation.audit_key_steps,
    SecretKind.SECOND_FACTOR_KEY: root_and_data_key_rotation.second_factor_key_steps,
    SecretKind.SESSION_KEY: text_secret_rotation.session_key_steps,
    SecretKind.TICKET_KEY: text_secret_rotation.ticket_key_steps,
    SecretKind.DATABASE_PASSWORD: text_secret_rotation.database_password_steps,
    SecretKind.CLIENT_SECRET: text_secret_rotation.client_secret_steps,
}
CLIENT_SECRET = "lwa-client-secret"  # a name  # noqa: S105
#: Names that an older release recorded for a step: what it began is finished under the present
#: name.
_FORMER_STEP_NAMES = {"believe": "accept"}
#: An arbitrary number that no other advisory lock of ours has: those are hashes or other numbers.
_LOCK = 7_105_001


def rotate(
    names: Sequence[str], *, reason: RotationReason, actor: str, context: RotationContext
) -> tuple[RotationResult, ...]:
    """Replace the named secrets one after the other.

    Interrupted rotations are resumed.

    Args:
        names: of secrets in the inventory.
        reason: why they are replaced.
        actor: for the audit log.
        context: time, waiting and messages.

    Returns:
        How far each is.

    Raises:
        UnknownSecretError: there is no secret of a name; then none is replaced.
        ManualRotationError: a person must replace one of them; then none is replaced.
        RotationBusyError: another process is rotating secrets.
        NewSecretRefusedError: Amazon does not accept the new client secret.
        NotReplacedError: some of several could not be replaced; the others were.
    """
    with _exclusive():
        return _rotate_each(plan(names, at=context.now()), reason, actor, context)


def rotate_due(*, actor: str, context: RotationContext) -> tuple[RotationResult, ...]:
    """Replace what is old enough, and resume every rotation under way.

    Only what can be replaced without a person.

    Raises:
        NotReplacedError: some could not be replaced; all have been tried.
        RotationBusyError: another process is rotating secrets.
    """
    with _exclusive():
        return _rotate_each(due(at=context.now()), RotationReason.DUE, actor, context)


def force_rotation(
    names: Sequence[str], *, reason: RotationReason, actor: str, context: RotationContext
) -> tuple[RotationResult, ...]:
    """Replace secrets after a leak or when a person who knew them leaves.

    Raises what `rotate` raises; ValueError for another reason.
    """
    if reason not in {RotationReason.LEAKED, RotationReason.LEAVER}:
        raise ValueError("a rotation is forced by a leak or by a person's departure")
    with transaction.atomic():
        record(
            Tag.ROTATION_FORCED,
            actor=actor,
            tenant=None,
            subject="secrets",
            at=context.now(),
            details={"reason": reason.value, "secrets": len(names)},
        )
    return rotate(names, reason=reason, actor=actor, context=context)


def stage_client_secret(secret: Secret) -> None:
    """Stage the client secret that a person fetched from Amazon.

    `rotate` tests it and makes it the current one.
    """
    secret_provider().put(CLIENT_SECRET + NEXT_SUFFIX, secret)


def note_age(name: str, made_at: datetime, *, actor: str, at: datetime) -> None:
    """Record when an externally created secret was created.

    Raises:
        UnknownSecretError: there is no such secret.
        RotationError: `made_at` is in the future.
    """
    if made_at > at:
        raise RotationError("a secret can't have been made in the future: give the day it was made")
    if name not in {one.name for one in inventory(at=at)}:
        raise UnknownSecretError(f"there is no secret {name!r}: theseller rotate --list shows them")
    secret_ages.note(name, readable(name), created_at=made_at, actor=actor, at=at)


def plan(names: Sequence[str], *, at: datetime) -> list[SecretEntry]:
    """Return the entries of `names`.

    Raises:
        UnknownSecretError: there is no such secret.
        ManualRotationError: a person must replace it.
    """
    known = {one.name: one for one in inventory(at=at)}
    for name in names:
        if name not in known:
            raise UnknownSecretError(
                f"there is no secret {name!r}: theseller rotate --list shows them"
            )
        entry = known[name]
        if not (
            entry.automatic or _is_client_secret_staged(entry) or _only_retired_automatically(entry)
        ):
            raise ManualRotationError(f"{name} is replaced {entry.how}")
    return [known[name] for name in dict.fromkeys(names)]


def due(*, at: datetime) -> list[SecretEntry]:
    """Return what `rotate_due` would replace now.

    What is due, too old or of unknown age, and what is under way.
    """
    return [
        one
        for one in inventory(at=at)
        if one.under_way
        or (
            one.automatic
            and one.state in {SecretState.DUE, SecretState.OVERDUE, SecretState.UNKNOWN}
        )
    ]


def steps_of(
    entry: SecretEntry, reason: RotationReason, context: RotationContext
) -> tuple[Step, ...]:
    """Return what replacing `entry` would do; nothing is done."""
    return _STEPS[entry.kind](
        Run(new_id(), entry.name, reason, "process:dry-run", "", context.now(), context)
    )


def _is_client_secret_staged(entry: SecretEntry) -> bool:
    return entry.kind is SecretKind.CLIENT_SECRET and (
        bool(entry.under_way) or is_staged(entry.name)
    )


def _only_retired_automatically(entry: SecretEntry) -> bool:
    """Say whether a person replaces the secret and the machine retires it."""
    return not writable() and entry.kind in {SecretKind.ROOT_KEY, SecretKind.TICKET_KEY}


def _rotate_each(
    entries: Sequence[SecretEntry], reason: RotationReason, actor: str, context: RotationContext
) -> tuple[RotationResult, ...]:
    """Replace all of `entries`; raise what failed after all were tried.

    One failure does not delay the others.
    """
    rotated: list[RotationResult] = []
    failures: dict[str, Exception] = {}
    for entry in entries:
        try:
            rotated.append(_rotate_one(entry, reason, actor, context))
        except Exception as error:
            if len(entries) == 1 and isinstance(error, RotationError):
                raise
            failures[entry.name] = error
    if failures:
        described = "; ".join(f"{name}: {describe(error)}" for name, error in failures.items())
        group = ExceptionGroup("could not be replaced", list(failures.values()))
        raise NotReplacedError(
            f"{len(failures)} of {len(entries)} secret(s) could not be replaced: {described}"
        ) from group
    return tuple(rotated)


def _rotate_one(
    entry: SecretEntry, reason: RotationReason, actor: str, context: RotationContext
) -> RotationResult:
    run = open_runs(context).get(entry.name)
    if run is not None and (_leaked_since(run, reason) or _staged_since(run)):
        # Finish the one under way without waiting, then begin again with a newer secret.
        rotated = _advance(replace(run, skip_waits=True), entry.kind)
        if not rotated.finished:
            return rotated
        run = None
    return _advance(run or _begin(entry.name, reason, actor, context), entry.kind)


def _leaked_since(run: Run, reason: RotationReason) -> bool:
    """Say whether the new secret of the current rotation may have leaked too."""
    return reason is RotationReason.LEAKED and run.reason is not RotationReason.LEAKED


def _staged_since(run: Run) -> bool:
    """Say whether a newer client secret was staged during the grace period."""
    return run.step == "drop-next" and run.secret == CLIENT_SECRET and is_staged(run.secret)


def _begin(name: str, reason: RotationReason, actor: str, context: RotationContext) -> Run:
    at = context.now()
    run = Run(new_id(), name, reason, actor, "", at, context)
    with transaction.atomic():
        sql_execution.execute(
            connections["default"],
            "insert into governance_rotation (id, secret, reason, actor, started_at, moved_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            [run.id, name, reason.value, actor, at, at],
        )
        record(
            Tag.ROTATION_BEGUN,
            actor=actor,
            tenant=None,
            subject=f"secret:{name}",
            at=at,
            details={"reason": reason.value},
        )
    return run


def _advance(run: Run, kind: SecretKind) -> RotationResult:
    # The row's own reason chooses the steps, so that an interrupted one continues as it was begun.
    steps = _STEPS[kind](replace(run, skip_waits=False))
    done = (
        [step.name for step in steps].index(_FORMER_STEP_NAMES.get(run.step, run.step)) + 1
        if run.step
        else 0
    )
    for step in steps[done:]:
        run.context.say(run.secret, step.name, "begin")
        try:
            waits_for = step.run(run)
        except NewSecretRefusedError:
            run.details["refused"] = 1
            _finish(run)
            raise
        if waits_for:
            _record(run)
            run.context.say(run.secret, step.name, f"later: {waits_for}")
            return RotationResult(run.secret, finished=False, step=run.step, waits_for=waits_for)
        run.context.say(run.secret, step.name, "done")
        run.step = step.name
        _record(run)
        run.context.say(run.secret, step.name, "recorded")
    _finish(run)
    return RotationResult(run.secret, finished=True, step=run.step)


def _record(run: Run) -> None:
    with transaction.atomic():
        sql_execution.execute(
            connections["default"],
            "update governance_rotation set step = %s, moved_at = %s, details = %s where id = %s",
            [run.step, run.at, json.dumps(run.details), run.id],
        )


def _finish(run: Run) -> None:
    at = run.at
    with transaction.atomic():
        sql_execution.execute(
            connections["default"],
            "update governance_rotation set finished_at = %s, moved_at = %s, details = %s where id"
            " = %s",
            [at, at, json.dumps(run.details), run.id],
        )
        record(
            Tag.ROTATION_FINISHED,
            actor=run.actor,
            tenant=None,
            subject=f"secret:{run.secret}",
            at=at,
            details=dict(run.details),
        )


@contextmanager
def _exclusive() -> Iterator[None]:
    """Keep every other process from replacing secrets.

    The lock of a killed process is released with its connection.

    Raises:
        RotationBusyError: another process is rotating secrets.
    """
    with connections["default"].cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise RotationBusyError(
                "another process is rotating secrets: wait for it, or see theseller rotate --list"
            )
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])
