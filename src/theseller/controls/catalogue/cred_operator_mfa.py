"""Security page §3: operators come in with a second factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver

from theseller.accounts.mfa.session_proofs import proof_in, session_content
from theseller.accounts.mfa.types import FactorKind, Proof
from theseller.accounts.operator_only_view_check import refused
from theseller.accounts.operator_session_authorization import OperatorAuthState, operator_auth_state
from theseller.accounts.sessions import newest_sessions
from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, must_find, verdict
from theseller.lib.ids import new_id
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="cred-operator-mfa",
    section=3,
    title=gettext_noop("The operators' pages open only with a second factor"),
    statement=gettext_noop(
        "Every page of the operator's area opens only after a passkey or a one-time code, besides"
        " the password, or after a sign-in at the company's own identity provider by a second"
        " factor: proven in this session at most 12 hours ago, in a session idle for at most"
        " 30 minutes; at most five minutes ago for what is dangerous. For everybody else it does"
        " not exist. Operators are made on the server's command line only. What the identity"
        " provider checks, and the consoles around the service (shell, database, cloud), are not"
        " checked here."
    ),
    citation="Security page §3; Data Protection Policy 1.2, 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.accounts.authorization:operator_required",
        "theseller.accounts.operator_session_authorization:operator_auth_state",
        "theseller.accounts.mfa.operations:prove_by_code",
        "theseller.accounts.mfa.operations:prove_by_passkey",
        "theseller.accounts.oidc.id_token_validation:identity_of_code",
    ),
    after=(Tag.OPERATOR_ADDED, Tag.SECOND_FACTOR_REMOVED, Tag.IDENTITY_UNLINKED),
)

AREA = "operate/"
# The promised limits, written again here: they stay the same if the guard's are changed.
_PROOF_LASTS, _IDLE_AT_MOST, _STEP_UP_WITHIN = (
    timedelta(hours=12),
    timedelta(minutes=30),
    timedelta(minutes=5),
)
_LATE = timedelta(minutes=1)
#: A new operator has this long to set up a second factor. Until then they can't sign in; afterwards
#: this control fails.
_ENROL_WITHIN = timedelta(days=7)
_OPERATORS_MOST, _SESSIONS_MOST = 20, 2000

_OPERATORS = "select user_id, since from accounts_operator order by since desc, user_id"
_FACTORS = """
select user_id, id, 'authenticator' from accounts_authenticator where confirmed_at is not null
union all select user_id, id, 'passkey' from accounts_passkey order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class _Address:
    """One address of the area: its view, and the names of its variables."""

    view: Callable[..., HttpResponseBase]
    names: tuple[str, ...]

    @property
    def guard(self) -> str:
        """How it is guarded: "session", "step_up", or "" for not at all."""
        return str(getattr(self.view, "theseller_operator_required", ""))


def probe(context: ProbeContext) -> Outcome:
    """Request every operator page as each kind of user to be refused.

    It also checks the second factor of operators' live sessions.
    """
    addresses = list(_addresses(get_resolver().url_patterns))
    operators: dict[UUID, Any] = dict(context.rows(_OPERATORS))
    factors: dict[UUID, list[tuple[UUID, FactorKind]]] = {}
    for person, factor, kind in context.rows(_FACTORS):
        factors.setdefault(person, []).append((factor, FactorKind(kind)))
    requests = _GuardProbe(context)
    for address in addresses:
        requests.as_stranger(address)
        for operator in list(operators)[:_OPERATORS_MOST]:
            requests.as_operator(address, operator, factors.get(operator, []))
    if operators and not _unguarded(addresses) and any(one in factors for one in operators):
        must_find(
            requests.let_in(addresses, operators, factors),
            "an operator with a current proof, who must be let in",
        )
    late = sum(
        one not in factors and context.at - since > _ENROL_WITHIN
        for one, since in operators.items()
    )
    sessions, let_in = _sessions(context, operators, factors)
    failures = [*_unguarded(addresses), *requests.found(), *let_in]
    if late:
        failures.append(
            f"{late} operator(s) have had no second factor for more than {_ENROL_WITHIN.days} days."
        )
    if not operators and not failures:
        return Unknown("There is no operator yet, so no one who must prove a second factor.")
    return verdict(
        requests.made,
        failures,
        f"{requests.made} requests to {len(addresses)} address(es) of the area without a proof of"
        f" today were all refused; {sessions} live session(s) of operators were checked.",
        addresses=len(addresses),
        requests=requests.made,
        operators=len(operators),
        operators_without_a_second_factor=sum(one not in factors for one in operators),
        operators_sessions=sessions,
    )


def _addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[_Address]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif route.startswith(AREA):
            yield _Address(pattern.callback, tuple(pattern.pattern.converters))


def _unguarded(addresses: list[_Address]) -> list[str]:
    return list(_bare(addresses))


def _bare(addresses: list[_Address]) -> Iterator[str]:
    if not addresses:
        yield "The operator's area has no address, so nothing was tested."
    bare = sum(not one.guard for one in addresses)
    if bare:
        yield f"{bare} address(es) of the operator's area have no guard."
    public = sum(not getattr(one.view, "login_required", True) for one in addresses)
    if (
        public
        or "django.contrib.auth.middleware.LoginRequiredMiddleware" not in settings.MIDDLEWARE
    ):
        yield (
            f"{public or len(addresses)} address(es) of the operator's area can be asked for"
            " without signing in."
        )


class _GuardProbe:
    """Requests that must be refused, and how many of each kind were not."""

    def __init__(self, context: ProbeContext) -> None:
        self._context = context
        self._opened: dict[str, int] = {}
        self.made = 0

    def as_stranger(self, address: _Address) -> None:
        """Ask as a person who is no operator, with a proof as good as one can be."""
        at, person = self._context.at, new_id()
        proof = session_content(Proof(person, new_id(), FactorKind.PASSKEY, at), at)
        self._request("a person who is no operator", address, person, proof)

    def as_operator(
        self, address: _Address, operator: UUID, factors: list[tuple[UUID, FactorKind]]
    ) -> None:
        """Request a page as an operator whose session has no valid proof."""
        at = self._context.at
        self._request("an operator who has proven no second factor", address, operator, {})
        foreign = session_content(Proof(operator, new_id(), FactorKind.PASSKEY, at), at)
        self._request("an operator whose second factor was removed", address, operator, foreign)
        for factor, kind in factors[:1]:
            old = session_content(Proof(operator, factor, kind, at - _PROOF_LASTS - _LATE), at)
            self._request("an operator whose proof is older than 12 hours", address, operator, old)
            idle = session_content(
                Proof(operator, factor, kind, at - _IDLE_AT_MOST - _LATE),
                at - _IDLE_AT_MOST - _LATE,
            )
            self._request(
                "an operator who was away for more than 30 minutes", address, operator, idle
            )
            other = session_content(Proof(new_id(), factor, kind, at), at)
            self._request("an operator with another person's proof", address, operator, other)
            if address.guard == "step_up":
                stale = session_content(
                    Proof(operator, factor, kind, at - _STEP_UP_WITHIN - _LATE), at
                )
                self._request(
                    "an operator whose proof is too old for a dangerous act",
                    address,
                    operator,
                    stale,
                )

    def let_in(
        self,
        addresses: list[_Address],
        operators: Mapping[UUID, object],
        factors: Mapping[UUID, list[tuple[UUID, FactorKind]]],
    ) -> bool:
        """Return whether an operator with a recent second factor is let in.

        A guard that refuses everyone would prove nothing about the others.
        """
        at = self._context.at
        operator, (factor, kind) = next(
            (one, factors[one][0]) for one in operators if one in factors
        )
        proof = session_content(Proof(operator, factor, kind, at), at)
        plain = [one for one in addresses if one.guard == "session" and not one.names]
        return any(
            not refused(
                one.view, one.names, person=operator, session=proof, using=self._context.probe
            )
            for one in plain
        )

    def found(self) -> Iterator[str]:
        for who, count in self._opened.items():
            yield f"{count} address(es) of the operator's area opened to {who}."

    def _request(
        self, who: str, address: _Address, person: UUID, session: Mapping[str, Any]
    ) -> None:
        self.made += 1
        if not refused(
            address.view, address.names, person=person, session=session, using=self._context.probe
        ):
            self._opened[who] = self._opened.get(who, 0) + 1


def _sessions(
    context: ProbeContext,
    operators: Mapping[UUID, object],
    factors: Mapping[UUID, list[tuple[UUID, FactorKind]]],
) -> tuple[int, list[str]]:
    """Return the number of operators' live sessions, and a finding if any.

    A finding counts the sessions that would be let in without a valid proof.
    """
    looked_at, wrong = 0, 0
    for session in newest_sessions(at=context.at, most=_SESSIONS_MOST, using=context.application):
        person = _person(session)
        if person not in operators:
            continue
        looked_at += 1
        let_in = (
            operator_auth_state(person, session, at=context.at, step_up=False, using=context.probe)
            is OperatorAuthState.AUTHENTICATED
        )
        wrong += let_in and not _proves(session, factors.get(person, []), context)
    return looked_at, (
        [f"{wrong} living session(s) of operators would be let in without a proof of today."]
        if wrong
        else []
    )


def _person(session: Mapping[str, Any]) -> UUID:
    try:
        return UUID(str(session.get("_auth_user_id")))
    except ValueError:
        return UUID(int=0)


def _proves(
    session: Mapping[str, Any], factors: list[tuple[UUID, FactorKind]], context: ProbeContext
) -> bool:
    """Return whether a session has a valid proof of a second factor.

    It decides independently of the guard's code: the proof must be by one of the user's factors,
    recovery codes or identities, and at most 12 hours old.
    """
    proof = proof_in(session)
    if proof is None or str(proof.person) != session["_auth_user_id"]:
        return False
    others = (
        "select (select count(*) from accounts_recovery_code where set_id = %s and user_id = %s)"
        " + (select count(*) from accounts_oidc_identity where id = %s and user_id = %s)"
    )
    known = (proof.factor, proof.kind) in factors or context.number(
        others, [proof.factor, proof.person] * 2
    ) > 0
    return known and -_LATE <= context.at - proof.at <= _PROOF_LASTS
