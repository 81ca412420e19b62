"""What operators' commands print for programs: the same as for people, as one JSON document."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.cast import Cast
from tests.conftest import as_role
from tests.operators import create_operator
from tests.sabotage.deployment import connect

from theseller.cli.commands import deletion_certificate, deletion_request, legal_hold, operator
from theseller.cli.main import main
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.tenant_and_user_erasure import erase_tenant
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.privacy.tenant_deletion.operations import delete_tenant


@pytest.fixture(autouse=True)
def _django_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (deletion_certificate, deletion_request, legal_hold, operator):
        monkeypatch.setattr(command, "setup_django", lambda _role: None)


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401
    with as_role("worker"):
        # In the database that tests share, requests of others may be late: that is the status of
        # the list, and no error.
        assert main([*arguments, "--json"]) in (
            {0, 1} if arguments[0] == "deletion-request" else {0}
        )
    return json.loads(capsys.readouterr().out)


def test_holds_requests_and_certificates_are_listed_as_json(
    cast: Cast, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, at = str(cast.alices_shop), clock.now()
    until = f"{at + timedelta(days=90):%Y-%m-%d}"
    reason = "the tax office examines the year before"
    placed = _said(
        capsys, "legal-hold", "add", "--shop", shop, "--reason", reason, "--until", until
    )
    assert (placed["shop"], placed["active"], placed["reason"]) == (shop, True, reason)
    assert _said(capsys, "legal-hold", "list", "--shop", shop) == [placed]
    lifted = _said(capsys, "legal-hold", "lift", placed["hold"], "--shop", shop)
    assert lifted == {"hold": placed["hold"], "lifted": True}
    assert [one["active"] for one in _said(capsys, "legal-hold", "list", "--shop", shop)] == [False]

    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor="process:test",
        at=at,
    )
    (request,) = [
        one for one in _said(capsys, "deletion-request", "list")["requests"] if one["shop"] == shop
    ]
    assert request["connections"] == [str(connection)]
    assert (request["origin"], request["overdue"], request["closed_at"]) == (
        "seller_request",
        False,
        None,
    )

    assert erase_connection(connection=connection, tenant=cast.alices_shop, at=at).completed
    delete_tenant(person=cast.alice.id, tenant=cast.alices_shop, at=at)
    with as_role("worker"):
        assert erase_tenant(tenant=cast.alices_shop, at=at + timedelta(hours=25)).completed
    (end,) = [one for one in _said(capsys, "deletion-certificate") if one["number"] == shop]
    assert (end["kind"], end["state"]) == ("shop", "certified")
    assert (
        end["certificate"] == _said(capsys, "deletion-certificate", shop)["body"]["certificate_id"]
    )


def test_operator_list_json_contains_name_and_second_factors(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = create_operator()
    assert main(["operator", "list", "--json"]) == 0
    (listed,) = [
        one for one in json.loads(capsys.readouterr().out) if one["email"] == operator.email
    ]
    assert (listed["name"], len(listed["second_factors"])) == ("Olga", 1)
