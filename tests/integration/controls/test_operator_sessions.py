"""The probe of operator sessions can fail.

If the guard admitted a session without a proof, the probe would report it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.operators import create_operator, operator_client, signed_in_client

from theseller.accounts.operator_session_authorization import OperatorAuthState
from theseller.controls.catalogue import cred_operator_mfa
from theseller.controls.probe_tools.probe_context import live_context
from theseller.controls.types import Failed, Passed
from theseller.lib import clock

pytestmark = pytest.mark.usefixtures("database")


def test_a_session_that_is_let_in_without_a_proof_of_today_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = clock.now()
    operator = create_operator(at=now - timedelta(days=2))
    signed_in_client(operator)
    operator_client(operator, at=now - timedelta(hours=13))
    operator_client(operator)
    assert isinstance(cred_operator_mfa.probe(live_context(clock.now())), Passed)
    monkeypatch.setattr(
        cred_operator_mfa, "operator_auth_state", lambda *_, **__: OperatorAuthState.AUTHENTICATED
    )
    found = cred_operator_mfa.probe(live_context(clock.now()))
    assert isinstance(found, Failed)
    assert (
        "2 living session(s) of operators would be let in without a proof of today."
        in found.evidence
    )
