"""Security page §10: what runs is the release, file by file."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    Control,
    HostScope,
    Outcome,
    Unknown,
    must_find,
    verdict,
)
from theseller.lib.translation_marks import gettext_noop
from theseller.releases import installed_files

CONTROL = Control(
    id="sdl-installed",
    section=10,
    title=gettext_noop("The installed program is the signed release, file by file"),
    statement=gettext_noop(
        "Every file of the program has the SHA-256 that the release's signed manifest lists, and"
        " no file is added. Every dependency has the pinned version, and its files are those of its"
        " wheel, or, where the release's folder has no wheel of it, those that its installer"
        " recorded. Compiled modules are those of their sources. A release is made"
        " from a commit; whether it is deployed on immutable machines is not tested here."
    ),
    citation="Security page §10",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=60),
    enforced_by=(
        "theseller.releases.installed_files:compare_installation",
        "theseller.releases.release_verification:read_signed_manifest",
    ),
    hosts=HostScope.ALL,
)


def probe(context: ProbeContext) -> Outcome:
    """Compare the installation with the manifest of the named release."""
    del context
    try:
        found = installed_files.compare_installation(
            installed_files.running_installation(), settings.RELEASE.folder, settings.RELEASE.key
        )
    except installed_files.NotComparableError as error:
        return Unknown(str(error))
    with tempfile.TemporaryDirectory(prefix="theseller-probe-") as folder:
        must_find(installed_files.finds_changes(Path(folder)), "a changed file of a sample")
    return verdict(
        found.own,
        found.differences,
        f"All {found.own} files of release {found.version} are installed as signed;"
        f" {found.distributions} distributions are as pinned, and their {found.of_dependencies}"
        f" files and {found.compiled} compiled modules as recorded.",
        own_files=found.own,
        dependency_files=found.of_dependencies,
        distributions=found.distributions,
        compiled=found.compiled,
        by_wheel=found.by_wheel,
        version=found.version,
    )
