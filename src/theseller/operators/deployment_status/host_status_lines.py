"""Say in words how each host of the deployment does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theseller.lib.translation_marks import MarkedText, gettext_noop, marked
from theseller.operators.deployment_status.types import StatusLine
from theseller.tenancy.host_types import CLOCK_SECONDS_MAX, Host

#: A host with less of its disk free is a problem; the alert rules have the same number.
DISK_FREE_SHARE_MIN = 0.1
_GIB = 1 << 30


def host_lines(found: Sequence[Host]) -> tuple[StatusLine, ...]:
    """Return a line for each process of each host."""
    return tuple(
        StatusLine(gettext_noop("host"), _text(one), next(_problems(one, found), ""))
        for one in found
    )


def host_problems(found: Sequence[Host]) -> tuple[MarkedText | str, ...]:
    """Return every problem of every host."""
    return tuple(problem for one in found for problem in _problems(one, found))


def differing_settings(one: Host, found: Sequence[Host]) -> tuple[str, ...]:
    """Return the settings of a host that differ from another host's, by name.

    What one of them does not have set differs as well.
    """
    others = [other.settings for other in found if not other.silent]
    names = {name for each in others for name in each} | set(one.settings)
    return tuple(
        sorted(
            name
            for name in names
            if any(each.get(name) != one.settings.get(name) for each in others)
        )
    )


def _text(one: Host) -> MarkedText:
    return marked(
        gettext_noop("%(name)s: %(process)s, seen %(seconds)s s ago, %(free)s GiB free"),
        name=one.name,
        process=one.process,
        seconds=f"{one.age:.0f}",
        free=f"{one.disk_free / _GIB:.1f}",
    )


def _problems(one: Host, found: Sequence[Host]) -> Iterator[MarkedText | str]:
    names = {"name": one.name, "process": one.process}
    if one.silent:
        yield marked(
            gettext_noop("the %(process)s of host %(name)s has not reported for %(minutes)s min"),
            minutes=f"{one.age / 60:.0f}",
            **names,
        )
        return
    if abs(one.clock_ahead) > CLOCK_SECONDS_MAX:
        yield marked(
            gettext_noop("the clock of host %(name)s differs from the database's by %(seconds)s s"),
            seconds=f"{abs(one.clock_ahead):.0f}",
            name=one.name,
        )
    if len({other.version for other in found if not other.silent}) > 1:
        yield marked(
            gettext_noop("the %(process)s of host %(name)s runs version %(version)s"),
            version=one.version,
            **names,
        )
    if differing := differing_settings(one, found):
        yield marked(
            gettext_noop("hosts differ in %(settings)s: look at host %(name)s, %(process)s"),
            settings=", ".join(differing),
            **names,
        )
    if one.disk_free < DISK_FREE_SHARE_MIN * one.disk_size:
        yield marked(
            gettext_noop("less than %(percent)s %% of the disk of host %(name)s is free"),
            percent=f"{100 * DISK_FREE_SHARE_MIN:.0f}",
            name=one.name,
        )
