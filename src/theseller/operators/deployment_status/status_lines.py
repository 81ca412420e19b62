"""Say in one line for each part of the deployment how it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from theseller.lib.translation_marks import MarkedText, gettext_noop, marked, ngettext
from theseller.operators.deployment_status.host_status_lines import (
    DISK_FREE_SHARE_MIN,
    host_lines,
    host_problems,
)
from theseller.operators.deployment_status.types import (
    BackupState,
    DeploymentState,
    StateExportState,
    StatusLine,
)
from theseller.retention.retention_limits import BACKUP_HOURS

#: What counts as a problem; the alert rules have the same numbers (docs/operate/monitoring.md).
WAITING_SECONDS_MAX, CERTIFICATE_DAYS_MIN = 600, 14
MAIL_RETRYING_SECONDS_MAX = 1800
BACKUP_SECONDS_MAX = (BACKUP_HOURS + 2) * 3600
_GIB = 1 << 30


def status_lines(state: DeploymentState) -> tuple[StatusLine, ...]:
    """Return a line for each part of the deployment."""
    return (
        _workers(state),
        _queue(state),
        _streams(state),
        _mail(state),
        *_backups(state.backups),
        *_state_export(state.state_export),
        _controls(state),
        _disk(state),
        *_certificate(state),
        *host_lines(state.hosts),
    )


def problems_of(state: DeploymentState) -> tuple[MarkedText | str, ...]:
    """Return every problem; a host may have several."""
    lines = status_lines(replace(state, hosts=()))
    return (*(one.problem for one in lines if one.problem), *host_problems(state.hosts))


def count_jobs(state: DeploymentState, wanted: str) -> int:
    """Return how many jobs are in a state: running, scheduled or waiting."""
    return sum(count for (_, kind), count in state.jobs.items() if kind == wanted)


def count_streams(state: DeploymentState) -> dict[str, int]:
    """Return how many streams had each outcome at their last step."""
    found: Counter[str] = Counter()
    for (_, outcome), count in state.streams.items():
        found[outcome] += count
    return dict(sorted(found.items()))


def _workers(state: DeploymentState) -> StatusLine:
    text = marked(
        gettext_noop("%(workers)s, last heartbeat %(age)s"),
        workers=state.workers,
        age=_ago(state.heartbeat_age),
    )
    problem = gettext_noop("no worker runs: start `theseller worker`")
    return StatusLine(gettext_noop("workers"), text, "" if state.workers else problem)


def _queue(state: DeploymentState) -> StatusLine:
    seconds = f"{state.oldest_waiting_job:.0f}"
    text = marked(
        gettext_noop("%(running)s running, %(waiting)s waiting, the oldest for %(seconds)s s"),
        running=count_jobs(state, "running"),
        waiting=count_jobs(state, "waiting"),
        seconds=seconds,
    )
    problem = marked(gettext_noop("a job has waited for %(seconds)s s"), seconds=seconds)
    late = state.oldest_waiting_job > WAITING_SECONDS_MAX
    return StatusLine(gettext_noop("queue"), text, problem if late else "")


def _streams(state: DeploymentState) -> StatusLine:
    outcomes = ", ".join(f"{count} {name}" for name, count in count_streams(state).items())
    text = marked(
        gettext_noop("%(outcomes)s; %(overdue)s overdue, %(failing)s failing"),
        outcomes=outcomes or gettext_noop("none"),
        overdue=state.streams_overdue,
        failing=state.streams_failing,
    )
    problem = ngettext(
        "%(number)s stream was not run when it was due",
        "%(number)s streams were not run when they were due",
        state.streams_overdue,
    )
    return StatusLine(gettext_noop("streams"), text, problem if state.streams_overdue else "")


def _mail(state: DeploymentState) -> StatusLine:
    text = marked(
        gettext_noop("%(retrying)s being retried, %(ended)s not delivered in 24 hours"),
        retrying=state.mail.retrying,
        ended=state.mail.ended,
    )
    problem: MarkedText | str = ""
    if state.mail.retrying_seconds > MAIL_RETRYING_SECONDS_MAX:
        minutes = f"{state.mail.retrying_seconds / 60:.0f}"
        problem = marked(
            gettext_noop("mail has been retried for %(minutes)s minutes"), minutes=minutes
        )
    elif state.mail.to_accounts:
        problem = ngettext(
            "%(number)s message to an account failed in 24 hours",
            "%(number)s messages to accounts failed in 24 hours",
            state.mail.to_accounts,
        )
    return StatusLine(gettext_noop("mail"), text, problem)


def _backups(backups: BackupState | None) -> Iterator[StatusLine]:
    name = gettext_noop("last backup")
    if backups is None:
        yield StatusLine(name, gettext_noop("TheSeller makes no backups of this database"))
        return
    text = marked(
        gettext_noop("%(age)s, %(failures)s failures since"),
        age=_ago(backups.age),
        failures=backups.failures,
    )
    old = backups.age is None or backups.age > BACKUP_SECONDS_MAX
    problem = marked(
        gettext_noop("no backup in the last %(hours)s hours"), hours=BACKUP_SECONDS_MAX // 3600
    )
    yield StatusLine(name, text, problem if old else "")
    failed = backups.last_test_passed is False
    yield StatusLine(
        gettext_noop("restore test"),
        marked(gettext_noop("the last that passed: %(age)s"), age=_ago(backups.test_age)),
        gettext_noop("the last restore test failed") if failed else "",
    )


def _state_export(export: StateExportState | None) -> Iterator[StatusLine]:
    if export is None:
        return
    old = export.age is None or export.age > export.age_max
    problem = marked(
        gettext_noop("no export of the state folder in the last %(days)s days"),
        days=f"{export.age_max / 86_400:.0f}",
    )
    yield StatusLine(gettext_noop("state export"), _ago(export.age), problem if old else "")


def _controls(state: DeploymentState) -> StatusLine:
    text = ", ".join(f"{count} {name}" for name, count in sorted(state.controls.items()))
    broken = state.controls.get("broken", 0)
    problem = ngettext(
        "%(number)s control is broken: `theseller controls` names it",
        "%(number)s controls are broken: `theseller controls` names them",
        broken,
    )
    return StatusLine(gettext_noop("controls"), text, problem if broken else "")


def _disk(state: DeploymentState) -> StatusLine:
    text = marked(
        gettext_noop("%(free)s of %(size)s GiB free"),
        free=f"{state.disk_free / _GIB:.1f}",
        size=f"{state.disk_size / _GIB:.1f}",
    )
    problem = marked(
        gettext_noop("less than %(percent)s %% of the disk is free"),
        percent=f"{100 * DISK_FREE_SHARE_MIN:.0f}",
    )
    full = state.disk_free < DISK_FREE_SHARE_MIN * state.disk_size
    return StatusLine(gettext_noop("disk"), text, problem if full else "")


def _certificate(state: DeploymentState) -> Iterator[StatusLine]:
    if state.certificate_days is None:
        return
    days = max(0, int(state.certificate_days))
    text = marked(gettext_noop("%(days)s days left"), days=days)
    problem = marked(gettext_noop("the TLS certificate expires in %(days)s days"), days=days)
    soon = state.certificate_days < CERTIFICATE_DAYS_MIN
    yield StatusLine(gettext_noop("certificate"), text, problem if soon else "")


def _ago(seconds: float | None) -> MarkedText | str:
    if seconds is None:
        return gettext_noop("never")
    if seconds < 120:
        return marked(gettext_noop("%(seconds)s s ago"), seconds=f"{seconds:.0f}")
    if seconds < 7200:
        return marked(gettext_noop("%(minutes)s min ago"), minutes=f"{seconds / 60:.0f}")
    return marked(gettext_noop("%(hours)s h ago"), hours=f"{seconds / 3600:.0f}")
