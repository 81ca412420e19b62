"""Security page §10: no installed package has a known vulnerability."""

from __future__ import annotations

from datetime import timedelta

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    Control,
    HostScope,
    Outcome,
    Unknown,
    verdict,
)
from theseller.lib.state_file_names import ADVISORIES, ADVISORY_SNAPSHOT, ADVISORY_STATEMENTS
from theseller.lib.translation_marks import gettext_noop
from theseller.releases import advisories
from theseller.releases.openvex_statements import VexError, read_statements

CONTROL = Control(
    id="sdl-advisories",
    section=10,
    title=gettext_noop("No installed package has a known vulnerability"),
    statement=gettext_noop(
        "Names and versions of all installed packages are compared with the advisories of the"
        " database Open Source Vulnerabilities about PyPI. The operator imports them; a copy that"
        " is older than seven days proves nothing. An advisory that does not apply here is accepted"
        " by a statement of the operator's (OpenVEX). Which packages are affected is not published."
    ),
    citation="Security page §10",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=60),
    enforced_by=(
        "theseller.releases.advisories:find_matches",
        "theseller.releases.advisories:why_unusable",
    ),
    hosts=HostScope.ALL,
)


_ADVICE = "`theseller release advisories check` names them to the operator."


def probe(context: ProbeContext) -> Outcome:
    """Match the installed packages, a known vulnerable one and a planted one."""
    folder = context.state / ADVISORIES
    try:
        snapshot = advisories.load_snapshot(folder / ADVISORY_SNAPSHOT)
        statements = read_statements(folder / ADVISORY_STATEMENTS)
    except advisories.AdvisoriesError as error:
        return Unknown(str(error))
    except VexError:
        return Unknown("The operator's statements about advisories can't be read.")
    if problem := advisories.why_unusable(snapshot, context.at):
        return Unknown(problem)
    packages = advisories.installed_packages()
    matches = list(advisories.find_matches(snapshot, packages, statements))
    affected = {one.package for one in matches if one.accepted is None}
    accepted = sum(one.accepted is not None for one in matches)
    failures = (
        [f"{len(affected)} installed package(s) have a known vulnerability. {_ADVICE}"]
        if affected
        else []
    )
    return verdict(
        len(packages),
        failures,
        f"None of {len(packages)} installed packages has a vulnerability that one of"
        f" {snapshot.count} advisories names and that is not accepted; the newest is of"
        f" {snapshot.newest:%Y-%m-%d}.",
        packages=len(packages),
        advisories=snapshot.count,
        accepted=accepted,
        declared=[f"{accepted} advisories do not apply, as the operator states (OpenVEX)."]
        if accepted
        else [],
    )
