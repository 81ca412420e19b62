"""Security page §4: tries to sign in are limited."""

from __future__ import annotations

from datetime import datetime, timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.outcome_of_reports import (
    NOT_MEASURED,
    Judgment,
    outcome_of_reports,
)
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Control, Outcome
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-rate-limit",
    section=4,
    title=gettext_noop("Tries to sign in are limited for each account and each network"),
    statement=gettext_noop(
        "A prober on another machine tries to sign in more often than is allowed, over several"
        " connections at once, and names another client address each time. Of the tries at one"
        " account exactly ten may be answered, and no more than thirty of a network. It does so"
        " every five hours. Authorizations and calls to Amazon have limits as well; these"
        " are not tried."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.edge.rate_limits:allow",
        "theseller.accounts.sign_in_rate_limits:limits",
        "theseller.edge.client_address:client_address",
    ),
    after=(Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
)

#: The promised limits, written again here: tries, and the seconds after which one more is allowed.
_ACCOUNT, _ACCOUNT_REFILL = 10, 90
_NETWORK, _NETWORK_REFILL = 30, 30


def probe(context: ProbeContext) -> Outcome:
    """Judge what probers reported of their tries to sign in."""
    return outcome_of_reports(
        context,
        judge,
        f"Of {{checked}} tries to sign in, {_ACCOUNT} at one account were answered and no more than"
        f" {_NETWORK} of one network; the others were refused.",
        limits=True,
    )


def judge(verified: VerifiedReport, at: datetime) -> Judgment:
    """Judge the tries of one report."""
    del at
    judgment, section = Judgment(), verified.report.limits
    if section is None:
        judgment.unseen.append(NOT_MEASURED)
        return judgment
    account = _ACCOUNT + section.seconds // _ACCOUNT_REFILL
    network = _NETWORK + section.seconds // _NETWORK_REFILL
    answered = section.account_answered + section.network_answered
    refused = section.account_refused + section.network_refused
    tries = section.account_tries + section.network_tries
    judgment.checked = tries
    if section.account_answered > account:
        judgment.failures.append(
            f"{section.account_answered} tries to sign in to one account were answered;"
            f" {account} are allowed."
        )
    if answered > network:
        judgment.failures.append(
            f"{answered} tries to sign in from one network were answered; {network} are allowed."
        )
    if section.account_tries <= account or tries <= network:
        judgment.unseen.append("it tried no more often than is allowed")
    if answered + refused < tries:
        judgment.unseen.append(
            f"{tries - answered - refused} of its {tries} tries had another answer"
        )
    elif section.account_answered < _ACCOUNT:
        judgment.unseen.append(
            f"{section.account_answered} of the {_ACCOUNT} allowed tries were answered: the limit"
            " was used up before, or refuses too much"
        )
    return judgment
