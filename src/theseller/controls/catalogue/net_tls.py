"""Security page §4: the public address accepts modern TLS only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.message_format import TlsAtAddress
from theseller.controls.prober_reports.operations import parse_time
from theseller.controls.prober_reports.outcome_of_reports import (
    NOT_MEASURED,
    Judgment,
    outcome_of_reports,
)
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Control, EnforcementKind, Outcome
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-tls",
    section=4,
    title=gettext_noop("The public address accepts TLS 1.2 and 1.3 only, and redirects plain HTTP"),
    statement=gettext_noop(
        "A prober on another machine connects to the addresses that the public name has there, up"
        " to eight. It tries each version of TLS and outdated ciphers, after a server of its own"
        " has accepted them from it. The certificate must be trusted, name this host and be valid"
        " for two more weeks. Plain HTTP must redirect to HTTPS, and the pages must instruct"
        " browsers to require HTTPS (HSTS, a year or longer, with subdomains and preload)."
    ),
    citation="Security page §4; Data Protection Policy 1.5",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "deploy/edge/theseller.conf",
        "theseller.config.settings:SECURE_HSTS_SECONDS",
        "theseller.controls.prober_reports.queries:current_reports",
    ),
    after=(Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
    kind=EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
)

_OLD_VERSIONS, _MODERN_VERSIONS = ("TLSv1", "TLSv1_1"), ("TLSv1_2", "TLSv1_3")
_OLD_CIPHERS = "old ciphers"
_CERTIFICATE_LEFT = timedelta(days=14)
_YEAR_SECONDS = 31_536_000


def probe(context: ProbeContext) -> Outcome:
    """Judge what probers reported of TLS."""
    return outcome_of_reports(
        context,
        judge,
        "{checked} handshake(s), redirect(s), certificate(s) and headers are as they must be: TLS"
        " before 1.2 and outdated ciphers are refused.",
    )


def judge(verified: VerifiedReport, at: datetime) -> Judgment:
    """Judge the handshakes of one report."""
    judgment, report = Judgment(), verified.report
    section = report.tls
    if section is None or not section.addresses:
        judgment.unseen.append(NOT_MEASURED)
        return judgment
    needed = {*_OLD_VERSIONS, _OLD_CIPHERS}
    if missing := needed - set(section.offered):
        judgment.unseen.append(
            f"its own server did not accept {', '.join(sorted(missing))} from it, so a refusal"
            " proves nothing"
        )
    for one in section.addresses:
        judgment.checked += len(one.versions) + 4
        judgment.failures += _handshakes(one)
        judgment.failures += _certificate(one, at)
        judgment.failures += _http(one, report.public_url)
        judgment.unseen += _unseen(one)
    return judgment


def _handshakes(one: TlsAtAddress) -> Iterator[str]:
    for version in _OLD_VERSIONS:
        if one.versions.get(version) == "accepted":
            yield f"{one.address} accepts {_shown(version)}."
    if one.old_ciphers == "accepted":
        yield (
            f"{one.address} accepts ciphers other than AES-GCM, AES-CCM and ChaCha20 with forward"
            " secrecy."
        )


def _certificate(one: TlsAtAddress, at: datetime) -> Iterator[str]:
    if one.certificate_error:
        yield f"The certificate at {one.address} is not trusted: {one.certificate_error}."
    elif one.expires_at and parse_time(one.expires_at) - at < _CERTIFICATE_LEFT:
        left = (parse_time(one.expires_at) - at).days
        yield f"The certificate at {one.address} is valid for {left} more day(s)."


def _http(one: TlsAtAddress, public_url: str) -> Iterator[str]:
    if one.redirect_status and not (
        one.redirect_status in {301, 308}
        and one.redirect_location.startswith(f"{public_url.rstrip('/')}/")
    ):
        yield f"Plain HTTP at {one.address} is answered {one.redirect_status}, not redirected."
    if not _answered(one):
        return
    parts = {part.strip().lower() for part in one.hsts.split(";")}
    ages = [part.partition("=")[2] for part in parts if part.startswith("max-age=")]
    if not ages or not ages[0].isdecimal() or int(ages[0]) < _YEAR_SECONDS:
        yield f"Pages at {one.address} do not require HTTPS for a year (HSTS)."
    elif not {"includesubdomains", "preload"} <= parts:
        yield f"HSTS at {one.address} lacks includeSubDomains or preload."


def _unseen(one: TlsAtAddress) -> Iterator[str]:
    if not _answered(one):
        yield f"{one.address} accepted neither TLS 1.2 nor 1.3"
    elif one.old_ciphers == "unreachable" or "unreachable" in one.versions.values():
        yield f"{one.address} did not answer every handshake"
    elif {*_OLD_VERSIONS, *_MODERN_VERSIONS} - one.versions.keys():
        yield f"not every TLS version was tried at {one.address}"
    if not one.certificate_error and not one.expires_at:
        yield f"the certificate at {one.address} was not read"
    if not one.redirect_status:
        yield f"{one.address} did not answer over plain HTTP, so the redirect is not known"


def _answered(one: TlsAtAddress) -> bool:
    return any(one.versions.get(version) == "accepted" for version in _MODERN_VERSIONS)


def _shown(version: str) -> str:
    return {"TLSv1": "TLS 1.0", "TLSv1_1": "TLS 1.1"}[version]
