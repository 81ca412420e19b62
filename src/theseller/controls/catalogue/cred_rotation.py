"""Security page §3: every secret is renewed within 90 days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, EnforcementKind, Outcome, must_find, verdict
from theseller.key_rotation.secret_inventory import inventory, maximum_age, state_of
from theseller.key_rotation.types import SecretEntry, SecretState
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="cred-rotation",
    section=3,
    title=gettext_noop("Every secret is renewed within 90 days"),
    statement=gettext_noop(
        "Every key, password and client secret of the service is listed with its owner and its age."
        " The service renews what it owns before it is 90 days old, while it runs. A secret of"
        " unknown age counts as too old. After a leak, or when someone who knew a secret leaves, an"
        " operator replaces it by one command; that a leak or a leaving is noticed is not checked"
        " here."
    ),
    citation="Security page §3; Data Protection Policy 2.4",
    owner=gettext_noop("Operations"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.key_rotation.operations:rotate_due",
        "theseller.key_rotation.operations:force_rotation",
        "theseller.key_rotation.secret_inventory:inventory",
    ),
    after=(Tag.ROTATION_FORCED, Tag.ROTATION_FINISHED),
    kind=EnforcementKind.SOFTWARE_AND_PROCEDURE,
)

#: Amazon's seven days for a replaced client secret, and one to notice that they are over.
_UNDER_WAY_AT_MOST = timedelta(days=8)
#: A replacement after a leak starts at once; this allows for a machine that was off.
_LEAK_AT_MOST = timedelta(hours=1)
#: Ages that the operator noted, of secrets that do not carry their own.
_NOTED = "select secret, made_at from governance_secret_age"
_STUCK = (
    "select count(*) from governance_rotation where finished_at is null and started_at < %s and"
    " reason = any(%s)"
)


def probe(context: ProbeContext) -> Outcome:
    """Check the age of every secret, and search for interrupted rotations."""
    entries = inventory(at=context.at, using=context.probe)
    counted = [one for one in entries if one.state is not SecretState.EXEMPT]
    oldest = max((context.at - one.made_at for one in counted if one.made_at), default=timedelta(0))
    must_find(
        state_of(context.at - maximum_age() - timedelta(days=1), context.at).red,
        "a secret that is too old",
    )
    noted = set(context.rows(_NOTED))
    declared = sorted({one.kind.value for one in counted if (one.name, one.made_at) in noted})
    return verdict(
        len(counted),
        [*_overdue(counted), *_stuck(context)],
        f"The oldest secret is {max(oldest.days, 0)} day(s) old; none may become older than"
        f" {maximum_age().days}.",
        secrets=len(counted),
        renewed_by_the_machine=sum(one.automatic for one in counted),
        due_within_a_week=sum(one.state is SecretState.DUE for one in counted),
        declared=(
            [f"The age of: {', '.join(declared)}. The operator noted when each was made."]
            if declared
            else []
        ),
    )


def _overdue(entries: list[SecretEntry]) -> Iterator[str]:
    # By kind and not by name: the page is public, and a connection's key is named after the
    # connection.
    for (state, kind), count in sorted(
        Counter((one.state, one.kind) for one in entries if one.state.red).items()
    ):
        what = (
            "of unknown age"
            if state is SecretState.UNKNOWN
            else f"older than {maximum_age().days} days"
        )
        yield f"{count} secret(s) {what}: {kind.value}."


def _stuck(context: ProbeContext) -> Iterator[str]:
    late = context.number(_STUCK, [context.at - _UNDER_WAY_AT_MOST, ["due", "manual", "leaver"]])
    if late:
        yield (
            f"{late} replacement(s) were begun more than {_UNDER_WAY_AT_MOST.days} days ago and are"
            " not finished."
        )
    leaked = context.number(_STUCK, [context.at - _LEAK_AT_MOST, ["leaked"]])
    if leaked:
        yield f"{leaked} leaked secret(s) are not replaced an hour after it was begun."
